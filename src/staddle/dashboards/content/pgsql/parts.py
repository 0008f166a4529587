"""Panels about PostgreSQL that several dashboards have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content.pgsql.queries import (
    INSTANCE,
    OWN,
    RATE,
    ROLE,
    busy,
    busy_databases,
    firing,
    hits,
    hits_of_databases,
    lag,
    role,
    tps,
    used,
    wal as wal_rate,
)
from staddle.dashboards.kit.links import cell
from staddle.dashboards.kit.look import UP, Override, above, below, colored, mirrored
from staddle.dashboards.kit.panels import lines
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Panel

    from staddle.dashboards.kit.links import Link

STATES = [
    colored("active", "green"),
    colored("idle", "blue"),
    colored("idle in transaction", "orange"),
    colored("idle in transaction (aborted)", "red"),
]
OLD = "Before PostgreSQL 14 nobody counted"


def instances(sel: str, *columns: Column, h: int = 8) -> Panel:
    """A table of instances: what a DBA compares."""
    keys = "ins, cls, ip"
    return table(
        "Instances",
        f"max by ({keys}) (pg_up{{{sel}}})",
        label("ins", "Instance", INSTANCE, cell("pgsql-logs", "Logs", ins="Instance"), cell("pgsql-activity", "Activity", ins="Instance")),
        *columns,
        label("ip", "Address"),
        Column(title="State", words=UP, cell="color-background", width=80),
        Column(title="Role", expr=role(sel, keys), words=ROLE, width=90),
        Column(title="Up for", expr=f"max by ({keys}) (pg_postmaster_uptime_seconds{{{sel}}})", unit="dtdurations", steps=below(600)),
        Column(title="TPS", expr=tps(sel, keys), unit="short", decimals=1),
        Column(title="Active", expr=f"sum by ({keys}) (pg_activity_active{{{sel}}})", unit="none"),
        Column(title="Connections", expr=used(sel, keys), unit="percentunit", most=1, cell="gauge", steps=above(0.7, 0.9), width=140),
        Column(title="Cache hits", expr=hits(sel, keys), unit="percentunit", steps=below(0.9, 0.98)),
        Column(title="Oldest transaction", expr=f"max by ({keys}) (pg_activity_max_xact_seconds{{{sel}}})", unit="s", steps=above(300, 3600)),
        Column(title="Lag", expr=lag(sel, keys), unit="s", steps=above(10, 60)),
        Column(title="Alerts", expr=firing(sel, keys), unit="none", steps=above(1)),
        h=h,
        about="Lag is the age of what a replica shows; a primary has none.",
    )  # fmt: skip


def databases(sel: str, *further: Column, about: str = "", w: int, h: int) -> Panel:
    """A table of databases."""
    return table(
        "Databases",
        f"max by (datname) (pg_database_size_bytes{{{sel}}})",
        label("datname", "Database", cell("pgsql-database", "Database", datname="Database")),
        Column(title="Size", unit="bytes"),
        Column(title="Connections", expr=f"sum by (datname) (pg_stat_database_numbackends{{{sel}}})", unit="none"),
        Column(title="TPS", expr=tps(sel, "datname"), unit="short", decimals=1),
        Column(title="At work", expr=busy_databases(sel), unit="short", decimals=2),
        Column(title="Cache hits", expr=hits_of_databases(sel), unit="percentunit", steps=below(0.9, 0.98)),
        *further,
        Column(title="Age", expr=f"max by (datname) (pg_database_xid_age{{{sel},{OWN}}}) / 2^31", unit="percentunit", steps=above(0.3, 0.6)),
        descending="Size",
        about=f"{about}Age: how much of the transaction numbers is used up until vacuum freezes; at 100 % the database stops.",
        w=w,
        h=h,
    )  # fmt: skip


def transactions(sel: str, by: str, links: Sequence[Link] = (), w: int = 12) -> Panel:
    """Commits and rollbacks."""
    legend = f"{{{{{by}}}}}"
    return lines("Transactions", Query(tps(sel, by), legend), unit="ops", least=0, w=w, links=links,
                 about="Commits and rollbacks per second.")  # fmt: skip


def changes(sel: str, w: int = 12) -> Panel:
    """Rows written and read."""
    kinds = ("inserted", "updated", "deleted")
    return lines(
        "Rows",
        Query(f"sum(rate(pg_stat_database_tup_fetched{{{sel}}}{RATE}))", "fetched"),
        *(Query(f"sum(rate(pg_stat_database_tup_{kind}{{{sel}}}{RATE}))", kind) for kind in kinds),
        unit="rowsps", w=w, overrides=[mirrored("/ed$/"), Override("fetched", {"custom.transform": ""})],
        about="Read upwards, written downwards, per second.",
    )  # fmt: skip


def running(sel: str, by: str, links: Sequence[Link] = (), w: int = 12) -> Panel:
    """How much work there was."""
    return lines("Statements at work", Query(busy(sel, by), f"{{{{{by}}}}}"), unit="short", least=0, w=w, links=links, empty=OLD,
                 about="How many statements ran at a time, on average. More than cores: they wait for each other.")  # fmt: skip


def states(sel: str, w: int = 12) -> Panel:
    """Connections by what they do."""
    return lines("Connections by state", Query(f"sum by (state) (pg_stat_activity_count{{{sel}}})", "{{state}}"), unit="none", least=0, stacked=True, w=w,
                 overrides=STATES, about="Idle in transaction: holds locks and keeps vacuum from cleaning up.")  # fmt: skip


def waits(sel: str, w: int = 12) -> Panel:
    """What running statements wait for."""
    return lines("Waiting for", Query(f"sum by (wait_event_type, wait_event) (pg_activity_wait_count{{{sel}}})", "{{wait_event_type}}: {{wait_event}}"), unit="none",
                 least=0, stacked=True, drawn_as_bars=True, w=w, empty="Nobody waited",
                 about="Statements that run and wait, by what for. What isn't here needs CPU.")  # fmt: skip


def locks(sel: str, w: int = 12) -> Panel:
    """Locks by mode."""
    return lines("Locks", Query(f"sum by (mode) (pg_locks_count{{{sel}}}) > 0", "{{mode}}"), Query(f"sum(pg_locks_waiting{{{sel}}}) > 0", "waited for"), unit="none", least=0,
                 stacked=True, drawn_as_bars=True, w=w, overrides=[colored("waited for", "red")], empty="No locks in this time")  # fmt: skip


def oldest(sel: str, w: int = 12) -> Panel:
    """What has been going on for longest."""
    found = {
        "transaction": "xact",
        "statement": "query",
        "idle in transaction": "idle_in_transaction",
        "wait for a lock": "lock_wait",
    }
    return lines("Longest", *(Query(f"max(pg_activity_max_{name}_seconds{{{sel}}})", title) for title, name in found.items()), unit="s", least=0, w=w,
                 steps=above(300, 3600), about="How long the oldest of each has been going on.")  # fmt: skip


def wal(sel: str, by: str, links: Sequence[Link] = (), w: int = 12) -> Panel:
    """WAL written or replayed."""
    return lines("WAL", Query(wal_rate(sel, by), f"{{{{{by}}}}}"), unit="binBps", least=0, w=w, links=links,
                 about="Written on a primary, replayed on a replica.")  # fmt: skip


def lags(sel: str, links: Sequence[Link] = (), w: int = 12) -> Panel:
    """How old what replicas show is."""
    return lines("Lag of replicas", Query(lag(sel), "{{ins}}"), unit="s", least=0, steps=above(10, 60), zones=True, w=w, links=links, empty="There is no replica",
                 about="The age of what a replica shows, while it has not caught up.")  # fmt: skip
