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
    return f"sum by ({by}) (rate(pg_stat_database_xact_commit{{{sel}}}{RATE}) + rate(pg_stat_database_xact_rollback{{{sel}}}{RATE}))"


def rate(metric: str, sel: str, by: str = "ins") -> str:
    """Per second."""
    return f"sum by ({by}) (rate({metric}{{{sel}}}{RATE}))"


def hits(sel: str, by: str = "ins") -> str:
    """The share of blocks that were found in shared buffers."""
    hit, read = rate("pg_stat_database_blks_hit", sel, by), rate("pg_stat_database_blks_read", sel, by)
    return f"{hit} / ({hit} + {read} > 0)"


def used(sel: str, by: str = "ins") -> str:
    """The share of connections that are taken."""
    return f"max by ({by}) (pg_activity_client_backends{{{sel}}} / on (job, cls, ins, ip) pg_settings_max_connections{{{sel}}})"


def lag(sel: str, by: str = "ins") -> str:
    """How old what a replica shows is; a primary has none."""
    return f"max by ({by}) (pg_replication_lag_seconds{{{sel}}} and on (ins) pg_replication_is_replica{{{sel}}} == 1)"


def size(sel: str, by: str = "ins") -> str:
    """Bytes of all databases."""
    return f"sum by ({by}) (pg_database_size_bytes{{{sel}}})"


def role(sel: str, by: str = "ins") -> str:
    """1 of a replica, 0 of a primary."""
    return f"max by ({by}) (pg_replication_is_replica{{{sel}}})"


def firing(sel: str, by: str) -> str:
    """Firing alerts, zero included."""
    return f'(count by ({by}) (ALERTS{{alertstate="firing",{JOB}}}) and on ({by}) group by ({by}) (pg_up{{{sel}}})) or 0 * group by ({by}) (pg_up{{{sel}}})'


def busy(sel: str, by: str = "ins") -> str:
    """How many statements ran at a time, on average."""
    return f"sum by ({by}) (rate(pg_stat_database_active_time{{{sel}}}{RATE})) / 1000"
