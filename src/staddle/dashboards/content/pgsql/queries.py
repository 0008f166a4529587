"""Queries about PostgreSQL that several dashboards ask. `sel` are label matchers, `by` the labels to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.kit.links import cell, series, to
from staddle.dashboards.kit.variables import choose

if TYPE_CHECKING:
    from staddle.dashboards.kit.look import Words

JOB = 'job="pgsql"'
EXPORTER = f'{JOB},exporter=""'
RATE = "[$__rate_interval]"
OWN = 'datname!~"template[01]"'
"""Databases that somebody works in."""
ROLE: Words = (("0", "primary", "green"), ("1", "replica", "blue"))
NONE = "No PostgreSQL is monitored"
INSTANCE = cell("pgsql-instance", "Instance", ins="Instance")
CLUSTER = cell("pgsql-cluster", "Cluster", cls="Cluster")
TO_INSTANCE = series("pgsql-instance", "ins")
TO_CLUSTER = series("pgsql-cluster", "cls")
UP = nav.POSTGRES
DROPDOWN = ("PGSQL", "pgsql")
ALL_CLUSTERS = choose("cls", "Clusters", f"label_values(pg_up{{{JOB}}}, cls)", several=True, empty=NONE)
ONE_CLUSTER = choose("cls", "Cluster", f"label_values(pg_up{{{JOB}}}, cls)", empty=NONE)
ANY_CLUSTER = choose("cls", "Cluster", f"label_values(pg_up{{{JOB}}}, cls)", everything=True, empty=NONE)
ANY_INSTANCE = choose("ins", "Instance", f'label_values(pg_up{{{JOB},cls=~"$cls"}}, ins)', everything=True, empty=NONE)
ONE_INSTANCE = choose("ins", "Instance", f"label_values(pg_up{{{JOB}}}, ins)", empty=NONE)
ALERT = to("pgsql-alert", "Alerts")


def tps(sel: str, by: str = "ins") -> str:
    """Transactions per second."""
    return f"sum by ({by}) ({_recorded('tps', by)}{{{sel}}})"


def hits(sel: str, by: str = "ins") -> str:
    """The share of blocks that were found in shared buffers; where there are several instances, the least."""
    return f"min by ({by}) (pg:ins:cache_hit_ratio{{{sel}}})"


def used(sel: str, by: str = "ins") -> str:
    """The share of connections that are taken; where there are several instances, the most."""
    return f"max by ({by}) (pg:ins:connections_usage{{{sel}}})"


def lag(sel: str, by: str = "ins") -> str:
    """How old what a replica shows is; a primary has none."""
    return f"max by ({by}) ({_recorded('lag_seconds', by)}{{{sel}}})"


def size(sel: str) -> str:
    """Bytes of the databases of each cluster: replicas have the same ones."""
    return f"max by (cls) (pg:ins:size_bytes{{{sel}}})"


def busy(sel: str, by: str = "ins") -> str:
    """How many statements ran at a time, on average."""
    return f"sum by ({by}) (pg:ins:statements_running{{{sel}}})"


def wal(sel: str, by: str = "ins") -> str:
    """Bytes of WAL per second, written on a primary, replayed on a replica."""
    return f"max by ({by}) (pg:ins:wal_bytes_per_second{{{sel}}})"


def age(sel: str, by: str = "ins") -> str:
    """How much of the transaction numbers is used up until vacuum freezes."""
    return f"max by ({by}) (pg:ins:xid_usage{{{sel}}})"


def _recorded(what: str, by: str) -> str:
    """The name of a recorded series: by cluster, by database or by instance."""
    return f"pg:{'cls' if by == 'cls' else 'db' if by == 'datname' and what == 'tps' else 'ins'}:{what}"


def hits_of_databases(sel: str) -> str:
    """The share of blocks that were found in shared buffers, by database."""
    hit, read = (f"sum by (datname) (rate(pg_stat_database_blks_{what}{{{sel}}}{RATE}))" for what in ("hit", "read"))
    return f"{hit} / ({hit} + {read} > 0)"


def busy_databases(sel: str) -> str:
    """How many statements ran at a time, on average, by database."""
    return f"sum by (datname) (rate(pg_stat_database_active_time{{{sel}}}{RATE})) / 1000"


def role(sel: str, by: str = "ins") -> str:
    """1 of a replica, 0 of a primary."""
    return f"max by ({by}) (pg_replication_is_replica{{{sel}}})"


def firing(sel: str, by: str) -> str:
    """Firing alerts, zero included."""
    return f'(count by ({by}) (ALERTS{{alertstate="firing",{JOB}}}) and on ({by}) group by ({by}) (pg_up{{{sel}}})) or 0 * group by ({by}) (pg_up{{{sel}}})'
