"""Alerts as panels: what fires, since when, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.kit.links import RUNBOOK, Link, cell
from staddle.dashboards.kit.look import Words, above, colored
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query, now
from staddle.dashboards.kit.tables import Column, label, table

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel

LABELS = "alertname, job, cls, ins, ip"
SEVERITIES = {"CRIT": "red", "WARN": "orange", "INFO": "blue"}
"""The worst first."""
RANKS: Words = tuple((str(rank), name, color) for rank, (name, color) in enumerate(reversed(SEVERITIES.items()), 1))
NOTHING = "Nothing fires"


def firing(matchers: str = "") -> str:
    """The series of alerts that fire. Watchdog always does."""
    matching = ",".join(filter(None, ['alertstate="firing"', 'alertname!="Watchdog"', matchers]))
    return f"ALERTS{{{matching}}}"


def ranked(matchers: str = "") -> str:
    """The same with how bad each is as value: 3 of a critical one."""
    each = {rank: f'{matchers},severity="{name}"'.lstrip(",") for rank, name, _ in RANKS}
    return " or ".join(f"{rank} * {firing(matching)}" for rank, matching in each.items())


def how_many(title: str, matchers: str, *, w: int = 3, links: tuple[Link, ...] = (), critical: bool = True) -> Panel:
    """A number of firing alerts; none is good."""
    return stat(
        title,
        f"count({firing(matchers)}) or vector(0)",
        unit="none",
        steps=above(1) if critical else ((None, "green"), (1, "orange")),
        filled=True,
        links=[*links, nav.ALERTS],
        w=w,
    )


def what_fires(matchers: str = "", *, instance: Link | None = None, w: int = 24, h: int = 8) -> Panel:
    """A table of them, each with its runbook, its instance and its logs."""
    logs = cell("logs-instance", "Logs", job="Module", ins="Instance")
    fires = firing(matchers)
    return table(
        "Firing alerts",
        f"max by ({LABELS}) ({ranked(matchers)})",
        Column(title="Severity", words=RANKS, cell="color-background", width=84),
        label("alertname", "Alert", RUNBOOK, least=200),
        label("ins", "Instance", *((instance, logs) if instance else (logs,))),
        Column(
            title="For",
            expr=f"max by ({LABELS}) (time() - ALERTS_FOR_STATE{{{matchers}}}) and on (alertname, job, cls, ins, ip) {fires}",
            unit="dtdurations",
            width=110,
        ),
        label("cls", "Cluster"),
        label("job", "Module", width=80),
        label("ip", "Address"),
        descending="Severity",
        about="An alert's name leads to its runbook, its instance to where to look.",
        empty=NOTHING,
        w=w,
        h=h,
    )


def when_fired(matchers: str = "", *, w: int = 24, h: int = 6) -> Panel:
    """When they fired. What is about no instance is about a cluster, or about all."""
    found = f"max by (alertname, cls, ins) ({ranked(matchers)})"
    about = f'label_replace({found}, "cls", "$1", "ins", "(.+)")'
    return timeline(
        "Alerts over time",
        Query(f'max by (what) (label_join({about}, "what", " ", "alertname", "cls"))', "{{what}}"),
        words=RANKS,
        empty=NOTHING,
        w=w,
        h=h,
    )


def how_many_over_time(matchers: str = "", *, w: int = 24, h: int = 6) -> Panel:
    """Their number, by severity."""
    return lines(
        "Firing alerts by severity",
        Query(f"count by (severity) ({firing(matchers)})", "{{severity}}"),
        stacked=True,
        drawn_as_bars=True,
        unit="none",
        least=0,
        empty=NOTHING,
        overrides=[colored(name, color) for name, color in SEVERITIES.items()],
        w=w,
        h=h,
    )


def pending(matchers: str, *, w: int = 3) -> Panel:
    """Those that wait to be sure."""
    return stat(
        "Pending",
        now(f'count(ALERTS{{alertstate="pending",{matchers}}}) or vector(0)'),
        unit="none",
        steps=((None, "green"), (1, "orange")),
        about="Their condition holds, but not for long enough yet.",
        w=w,
    )
