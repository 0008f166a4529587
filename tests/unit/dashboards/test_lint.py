"""`staddle dashboards lint`: ours have nothing that is wrong, and every kind of mistake is found, with file and panel."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from staddle.cli.dashboards import app
from staddle.dashboards import shipped
from staddle.dashboards.lint import lint, shipped_sources, sources_of
from staddle.dashboards.lint.live import check_live, filled
from staddle.dashboards.lint.model import Source
from staddle.dashboards.lint.stores import QueryError, Stores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = {"type": "prometheus", "uid": "vmetrics"}
GOOD: dict[str, Any] = {
    "uid": "mine",
    "title": "Mine",
    "schemaVersion": 42,
    "templating": {"list": [{"name": "ins", "type": "query", "datasource": SOURCE, "query": "label_values(up, ins)"}]},
    "links": [{"type": "link", "url": "/d/node-instance?var-ins=$ins"}],
    "panels": [
        {
            "id": 1,
            "type": "stat",
            "title": "Up",
            "gridPos": {"x": 0, "y": 0, "w": 12, "h": 4},
            "datasource": SOURCE,
            "fieldConfig": {"defaults": {"unit": "none", "thresholds": {"steps": [{"color": "green", "value": None}]}}},
            "targets": [{"refId": "A", "expr": 'up{ins="$ins"}', "instant": True}],
        },
        {
            "id": 2,
            "type": "timeseries",
            "title": "Load",
            "gridPos": {"x": 12, "y": 0, "w": 12, "h": 4},
            "datasource": SOURCE,
            "fieldConfig": {
                "defaults": {"unit": "short", "links": [{"url": "/d/node-disk?var-ins=$ins&${__url_time_range}"}]}
            },
            "options": {"legend": {"showLegend": True}},
            "transformations": [{"id": "organize"}],
            "targets": [{"refId": "A", "expr": "rate(x[$__rate_interval])"}],
        },
    ],
}


MISTAKES: list[tuple[str, str, str, Callable[[dict[str, Any]], Any]]] = [
    ("uid", "", "has no uid", lambda d: d.pop("uid")),
    ("title", "", "the dashboard has no title", lambda d: d.pop("title")),
    ("schema", "", "schemaVersion 16 is too old", lambda d: d.update(schemaVersion=16)),
    ("title", "(no title, stat at 0,0)", "has no title", lambda d: d["panels"][0].update(title=" ")),
    ("unit", "Up", "has no unit", lambda d: d["panels"][0]["fieldConfig"]["defaults"].pop("unit")),
    ("unit", "Load", "has no unit", lambda d: d["panels"][1]["fieldConfig"]["defaults"].pop("unit")),
    ("thresholds", "Up", "has no thresholds", lambda d: d["panels"][0]["fieldConfig"]["defaults"].pop("thresholds")),
    ("legend", "Load", "has no legend", lambda d: d["panels"][1].pop("options")),
    ("id", "Load", "has no id", lambda d: d["panels"][1].pop("id")),
    ("id", "Load", "its id 1 is that of 'Up'", lambda d: d["panels"][1].update(id=1)),
    ("grid", "Load", "lies over 'Up'", lambda d: d["panels"][1]["gridPos"].update(x=11)),
    ("grid", "Load", "not within 24", lambda d: d["panels"][1]["gridPos"].update(w=13)),
    ("grid", "Load", "has no place", lambda d: d["panels"][1].pop("gridPos")),
    ("type", "Load", "did you mean 'timeseries'", lambda d: d["panels"][1].update(type="timeserie")),
    ("transformation", "Load", "'heatmap' is not known", lambda d: d["panels"][1].update(transformations=[{"id": "heatmap"}])),
    ("query", "Up", "has no query", lambda d: d["panels"][0].update(targets=[])),
    ("query", "Up", "query A is empty", lambda d: d["panels"][0]["targets"][0].update(expr="")),
    ("query", "Up", "several queries are called 'A'", lambda d: d["panels"][0]["targets"].append({"refId": "A", "expr": "x"})),
    ("source", "Up", "names no data source", lambda d: d["panels"][0].pop("datasource")),
    ("variable", "Up", "uses $inss, which is not defined; did you mean 'ins'?",
     lambda d: d["panels"][0]["targets"][0].update(expr='up{ins="$inss"}')),
    ("variable", "", "$ins is defined 2 times", lambda d: d["templating"]["list"].append({"name": "ins", "type": "custom"})),
    ("variable", "", "$ins uses $cls, which is defined after it",
     lambda d: (d["templating"]["list"][0].update(query='label_values(up{cls="$cls"}, ins)'),
                d["templating"]["list"].append({"name": "cls", "type": "custom"}))),
    ("link", "", "leads to 'node-instanc', which is no dashboard", lambda d: d["links"][0].update(url="/d/node-instanc")),
    ("link", "Load", "'node-disk' has no variable 'inx'; did you mean 'ins'?",
     lambda d: d["panels"][1]["fieldConfig"]["defaults"]["links"][0].update(url="/ui/d/node-disk?var-inx=1")),
]  # fmt: skip


def test_ours_are_as_they_should_be() -> None:
    assert lint(shipped_sources()) == []
    assert len(shipped_sources()) == len(shipped())


def test_a_good_one_is_good() -> None:
    assert lint([Source("mine.json", GOOD)]) == []


@pytest.mark.parametrize(("rule", "where", "message", "spoil"), MISTAKES, ids=[f"{m[0]}: {m[2]}" for m in MISTAKES])
def test_every_kind_of_mistake_is_found(
    rule: str, where: str, message: str, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    data = copy.deepcopy(GOOD)
    spoil(data)
    findings = lint([Source("mine.json", data)])
    assert [(f.file, f.panel, f.rule) for f in findings if message in f.message] == [("mine.json", where, rule)]


def test_all_mistakes_are_told_at_once_for_people_and_for_programs(tmp_path: Path) -> None:
    data = copy.deepcopy(GOOD)
    for *_, spoil in MISTAKES[:6]:
        spoil(data)
    (tmp_path / "mine.json").write_text(json.dumps(data))
    (tmp_path / "other.json").write_text("{ not json")
    result = CliRunner().invoke(app, ["lint", str(tmp_path), "--offline", "--json"])
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    assert {f["rule"] for f in findings} >= {"uid", "title", "schema", "unit", "json"}
    assert {f["file"] for f in findings} == {str(tmp_path / "mine.json"), str(tmp_path / "other.json")}


def test_two_with_the_same_uid_are_a_mistake(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(GOOD))
    sources, _ = sources_of([tmp_path])
    assert [f.message for f in lint(sources)] == ["several dashboards have the uid 'mine'"] * 2


def test_export_writes_what_lint_reads(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["export", str(tmp_path)]).exit_code == 0
    result = runner.invoke(app, ["lint", str(tmp_path), "--offline"])
    assert result.exit_code == 0, result.output
    assert {p.stem for p in tmp_path.glob("*/*.json")} == {board.uid for board in shipped()}


class Answers(Stores):
    """Stores whose answers a test sets: `known` are expressions that return rows, the rest returns none."""

    known: tuple[str, ...] = ()
    values: tuple[str, ...] = ("a", "b")

    def parse(self, expr: str) -> None:
        if "(" in expr and ")" not in expr:
            raise QueryError("missing )")

    def metric_rows(self, expr: str, *, instant: bool) -> int:
        return int(expr in self.known)

    def label_values(self, label: str, match: str) -> list[str]:
        return list(self.values)


def live(
    known: tuple[str, ...], values: tuple[str, ...] = ("a", "b"), data: dict[str, Any] = GOOD
) -> list[tuple[str, str]]:
    stores = Answers(f"http://{hash((known, values))}")
    object.__setattr__(stores, "known", known)
    object.__setattr__(stores, "values", values)
    return [(f.panel, f.rule) for f in check_live(Source("mine.json", data), stores)]


LOAD = "rate(x[1m])"


def test_one_value_of_a_variable_with_data_is_enough() -> None:
    assert live(('up{ins="b"}', LOAD)) == []


def test_a_query_that_returns_nothing_is_a_mistake_unless_the_panel_says_why() -> None:
    assert live((LOAD,)) == [("Up", "data")]
    excused = copy.deepcopy(GOOD)
    excused["panels"][0]["fieldConfig"]["defaults"]["noValue"] = "none is monitored"
    assert live((LOAD,), data=excused) == []


def test_a_query_that_does_not_parse_is_never_excused() -> None:
    broken = copy.deepcopy(GOOD)
    broken["panels"][1]["targets"][0]["expr"] = "rate(x"
    broken["panels"][1]["fieldConfig"]["defaults"]["noValue"] = "whatever"
    assert live(('up{ins="a"}',), data=broken) == [("Load", "parse")]


def test_a_variable_needs_values_unless_it_says_why_there_may_be_none() -> None:
    assert ("", "data") in live((), values=())
    excused = copy.deepcopy(GOOD)
    excused["templating"]["list"][0]["description"] = "none is monitored"
    assert live((), values=(), data=excused) == []


def test_variables_and_macros_are_replaced_and_others_stand() -> None:
    values = {"ins": "pg-1"}
    text = filled('a{i="$ins",j="${ins:regex}",k="[[ins]]"}[$__rate_interval] ${__field.labels.x} $other', values)
    assert text == 'a{i="pg-1",j="pg-1",k="pg-1"}[1m] ${__field.labels.x} $other'
