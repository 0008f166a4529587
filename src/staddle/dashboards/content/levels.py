"""Levels of log lines, as the log agent writes them, and what those that a program sends itself are called."""

from __future__ import annotations

from staddle.dashboards.kit.look import colored

ERRORS = 'level:in("error","err","crit","fatal","emerg","alert","panic")'
BAD = 'level:in("warn","warning","error","err","crit","fatal","emerg","alert","panic")'
COLORS = [
    colored(f"/{level}/", color, by="byRegexp")
    for level, color in (
        ("emerg|alert|panic|crit|fatal", "dark-red"),
        ("err", "red"),
        ("warn", "orange"),
        ("info|notice|log", "green"),
        ("debug", "blue"),
        ("unknown", "gray"),
    )
]
"""For series that are called after levels."""
