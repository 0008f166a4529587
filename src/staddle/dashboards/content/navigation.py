"""Ways from one dashboard to another that many share: up to where one comes from, across to what else has the same labels."""

from __future__ import annotations

from staddle.dashboards.kit.links import Link, to

ALERTS = Link("Alerts", "/alertmgr/", blank=True)


def logs_of(**variables: str) -> Link:
    """To the logs of whatever has these labels."""
    return to("logs-instance", "Logs", **variables)


def traces_of(**variables: str) -> Link:
    """To the traces of whatever has these labels."""
    return to("traces-service", "Traces", **variables)


HOME = Link("Home", "/d/home")
NODES = Link("Nodes", "/d/node-overview")
INFRA = Link("Infra", "/d/infra-overview")
POSTGRES = Link("PostgreSQL", "/d/pgsql-overview")
