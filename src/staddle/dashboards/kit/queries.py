"""Where panels get their data: the data sources by their stable uids, and queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder as cog, variants
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

METRICS = DataSourceRef(type_val="prometheus", uid="vmetrics")
LOGS = DataSourceRef(type_val="victoriametrics-logs-datasource", uid="vlogs")
TRACES = DataSourceRef(type_val="jaeger", uid="vtraces")


@dataclass(frozen=True, slots=True)
class Query:
    """A MetricsQL query. `legend` is what its series are called: `{{ins}}` stands for a label."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    table: bool = False


def now(expr: str, legend: str = "__auto") -> Query:
    """The value at the end of the time range only."""
    return Query(expr, legend, instant=True)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A LogsQL query. `kind`: `instant` gives rows, `stats` and `statsRange` give numbers."""

    expr: str
    kind: str = "instant"
    legend: str = ""
    limit: int = 500


class _Plain(variants.Dataquery):
    """A query of a plugin that the SDK has no types for."""

    def __init__(self, data: dict[str, object]) -> None:
        self.data = data

    def to_json(self) -> dict[str, object]:
        return self.data


class _PlainBuilder(cog.Builder[variants.Dataquery]):
    def __init__(self, data: dict[str, object]) -> None:
        self.data = data

    def build(self) -> variants.Dataquery:
        return _Plain(self.data)


def plain(data: dict[str, object]) -> variants.Dataquery:
    """A query as it stands in JSON."""
    return _PlainBuilder(data).build()


def targets(queries: Sequence[Query | LogQuery]) -> list[variants.Dataquery]:
    """The queries as a panel has them, named A, B, C …"""
    return [_target(query, chr(ord("A") + number)) for number, query in enumerate(queries)]


def _target(query: Query | LogQuery, ref: str) -> variants.Dataquery:
    if isinstance(query, LogQuery):
        data: dict[str, object] = {
            "datasource": {"type": LOGS.type_val, "uid": LOGS.uid},
            "expr": query.expr,
            "queryType": query.kind,
            "refId": ref,
        }
        if query.kind == "instant":
            data["maxLines"] = query.limit
        if query.legend:
            data["legendFormat"] = query.legend
        return plain(data)
    builder = prometheus.Dataquery().datasource(METRICS).expr(query.expr).ref_id(ref).legend_format(query.legend)
    builder = builder.format(PromQueryFormat.TABLE if query.table else PromQueryFormat.TIME_SERIES)
    builder = builder.instant() if query.instant else builder.range()
    return builder.build()
