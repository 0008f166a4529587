"""Alerts as panels: what fires, since when, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.kit.links import RUNBOOK, Link, cell
from staddle.dashboards.kit.look import Words, above
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query, now
from staddle.dashboards.kit.tables import Column, label, table

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel

LABELS = "alertname, severity, job, cls, ins, ip"
SEVERITY: Words = (("CRIT", "CRIT", "red"), ("WARN", "WARN", "orange"), ("INFO", "INFO", "blue"))
NOTHING = "Nothing fires"


def firing(matchers: str = "") -> str:
    """The series of alerts that fire. Watchdog always does."""
    matching = ",".join(filter(None, ['alertstate="firing"', 'alertname!="Watchdog"', matchers]))
    return f"ALERTS{{{matching}}}"


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
        f"max by ({LABELS}) ({fires})",
        Column(title="Severity", label="severity", words=SEVERITY, cell="color-background", width=90),
        label("alertname", "Alert", RUNBOOK),
        label("ins", "Instance", *((instance, logs) if instance else (logs,))),
        label("cls", "Cluster"),
        label("job", "Module", width=90),
        label("ip", "Address"),
        Column(
            title="For",
            expr=f"max by ({LABELS}) (time() - ALERTS_FOR_STATE{{{matchers}}}) and on (alertname, job, ins, ip) {fires}",
            unit="dtdurations",
            width=160,
        ),
        descending="For",
        about="An alert's name leads to its runbook, its instance to where to look.",
        empty=NOTHING,
        w=w,
        h=h,
    )


def when_fired(matchers: str = "", legend: str = "{{alertname}} {{ins}}", *, w: int = 24, h: int = 6) -> Panel:
    """When they fired."""
    return timeline(
        "Alerts over time",
        Query(f"max by (alertname, ins, severity) ({firing(matchers)})", legend),
        words=(("1", "fires", "red"),),
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
