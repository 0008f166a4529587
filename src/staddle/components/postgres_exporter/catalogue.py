"""The queries that the exporter runs: `queries/*.yml`, one file per theme, and how they become the exporter's own file.

An entry is named as its metrics begin: column `deadlocks` of `pg_stat_database` is the metric `pg_stat_database_deadlocks`.
It has one of

- `query`: runs on every version of PostgreSQL from 12 on;
- `versions`: range of major versions (`<17`, `>=14`, `>=14 <17`) → query; where none fits there are no rows;
- `dynamic`: a query whose only value is the text of the query; no row, or NULL: there are no rows.

A column that some version lacks stands as NULL (or what it means there) in a subquery `lacking`, and is named without its
table in a LATERAL one: a name is looked for outside only where it isn't found inside. (By way of JSON, it took ten times
as long.)

Beside that it has `metrics` as the exporter has them, `master` (once per server, else once per database), and `cache_seconds`.
The exporter's own `runonserver` has no effect in any of its releases from 0.11 to 0.19.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from staddle.components.render import to_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "current_setting('server_version_num')::int"
_BOUND = re.compile(r"(<|>=)(\d+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the catalogue: its name, the theme that it is in, and what that says."""

    name: str
    theme: str
    spec: Mapping[str, Any]

    @property
    def columns(self) -> Mapping[str, str]:
        """Column → usage (`LABEL`, `GAUGE`, `COUNTER`), in the order of the file."""
        return {name: about["usage"] for metric in self.spec["metrics"] for name, about in metric.items()}

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics it gives."""
        return tuple(f"{self.name}_{column}" for column, usage in self.columns.items() if usage != "LABEL")

    @property
    def sql(self) -> str:
        """The query as the exporter runs it."""
        if "query" in self.spec:
            return str(self.spec["query"]).strip()
        if "dynamic" in self.spec:
            return _indirect(f"({self.spec['dynamic'].strip()})", self.columns)
        versions: Mapping[str, str] = self.spec["versions"]
        cases = "\n".join(f"WHEN {_condition(span)} THEN $sql${text.strip()}$sql$" for span, text in versions.items())
        return _indirect(f"CASE\n{cases}\nEND", self.columns)


@cache
def entries() -> tuple[Entry, ...]:
    """The whole catalogue, by theme and as the files have it."""
    found = []
    folder = files("staddle.components.postgres_exporter") / "queries"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yml"):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            found += [Entry(name, file.name.removesuffix(".yml"), spec) for name, spec in content.items()]
    return tuple(found)


@cache
def queries_file() -> bytes:
    """What the exporter reads (`--extend.query-path`)."""
    return to_yaml(
        {
            entry.name: {
                "query": entry.sql,
                **{key: entry.spec[key] for key in ("master", "cache_seconds") if key in entry.spec},
                "metrics": entry.spec["metrics"],
            }
            for entry in entries()
        }
    )


def _condition(span: str) -> str:
    bounds = _BOUND.findall(span)
    return " AND ".join(f"{VERSION} {operator} {int(major) * 10000}" for operator, major in bounds)


def _indirect(text: str, columns: Mapping[str, str]) -> str:
    # A query that names what a server doesn't have fails before it runs. query_to_xml() is the one function of PostgreSQL's
    # own that runs a query it is given as text, so that the server can choose.
    shape = ", ".join(
        f"{name} {'text' if usage == 'LABEL' else 'float8'} PATH '{name}'" for name, usage in columns.items()
    )
    chosen = f"coalesce({text}, 'SELECT 1 WHERE false')"
    return (
        f"SELECT r.* FROM xmltable('/table/row' PASSING query_to_xml({chosen}, false, false, '')\nCOLUMNS {shape}) AS r"  # noqa: S608
    )
