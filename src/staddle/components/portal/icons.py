"""Which symbol of `static/icons.svg` stands for a thing."""

from __future__ import annotations

import re
from pathlib import Path

ICONS = frozenset(re.findall(r'<symbol id="([a-z]+)"', (Path(__file__).parent / "static/icons.svg").read_text("utf-8")))
"""The symbols that the sprite has."""

_KEYWORDS = {
    "alertmgr": "bell",
    "alertmanager": "bell",
    "alerts": "bell",
    "blackbox": "probe",
    "ca": "certificate",
    "cert": "certificate",
    "console": "dashboard",
    "discovery": "target",
    "dns": "network",
    "docs": "book",
    "etcd": "tree",
    "files": "file",
    "grafana": "dashboard",
    "haproxy": "network",
    "health": "activity",
    "jupyter": "code",
    "key": "lock",
    "metrics": "chart",
    "minio": "package",
    "nginx": "globe",
    "node": "server",
    "ntp": "clock",
    "pgsql": "database",
    "postgres": "database",
    "redis": "database",
    "repo": "package",
    "rule": "rules",
    "site": "globe",
    "targets": "target",
    "time": "clock",
    "vlogs": "logs",
    "vmalert": "rules",
    "vmetrics": "chart",
    "vtraces": "traces",
    "web": "globe",
}


def icon_for(keyword: str) -> str:
    """The symbol for a keyword: its own name, a synonym, or the generic link."""
    key = keyword.strip().lower()
    return key if key in ICONS else _KEYWORDS.get(key, "link")
