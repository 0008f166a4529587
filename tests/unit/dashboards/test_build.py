"""Dashboards are built from Python: the same bytes every time, each at its place, all of them there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("grafana_foundation_sdk", reason="building dashboards needs grafana-foundation-sdk")

from grafana_foundation_sdk.models import dashboard as m

from staddle.dashboards import FOLDERS, shipped
from staddle.dashboards.build import boards, build
from staddle.dashboards.kit.board import Board, Row, placed, title_columns
from staddle.dashboards.kit.look import below
from staddle.dashboards.kit.panels import lines, stat
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = {
    "home": {"home"},
    "infra": {
        *("infra-overview", "infra-nginx", "infra-vmetrics", "infra-vlogs", "infra-vtraces", "infra-vmalert"),
        *("infra-alertmanager", "infra-grafana", "infra-blackbox", "infra-dns-ntp", "infra-log-agent", "infra-repo"),
        *("logs-instance", "traces-service"),
    },
    "node": {"node-overview", "node-cluster", "node-instance", "node-disk", "node-alert", "node-haproxy"},
    "pgsql": {
        *("pgsql-overview", "pgsql-cluster", "pgsql-instance", "pgsql-database", "pgsql-query", "pgsql-replication"),
        *("pgsql-activity", "pgsql-alert", "pgsql-logs", "pgsql-pgbouncer", "pgsql-patroni", "pgsql-backup"),
    },
    "redis": {"redis-overview", "redis-instance"},
    "etcd": {"etcd-overview"},
}


def test_building_twice_gives_the_same_bytes_and_what_is_shipped(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    paths = build(first)
    build(second)
    for path in paths:
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    assert {path.stem: path.read_bytes() for path in paths} == {board.uid: board.content for board in shipped()}


def test_what_is_no_longer_made_goes(tmp_path: Path) -> None:
    stale = tmp_path / "node/node-gone.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    build(tmp_path)
    assert not stale.exists()


def test_every_dashboard_is_there_in_its_folder() -> None:
    found = {folder: {board.uid for board in shipped() if board.folder == folder} for folder in FOLDERS}
    for folder, uids in EXPECTED.items():
        assert uids <= found[folder]
    for board in shipped():
        assert board.data()["uid"] == board.uid
        assert board.data()["schemaVersion"] == 42


def test_links_and_annotations_are_not_hidden_in_a_menu() -> None:
    assert all(b"inControlsMenu" not in board.content for board in shipped())


def test_panels_fill_rows_from_the_left_and_gaps_from_above() -> None:
    row = Row(
        "Row",
        [stat("a", "x", w=6, h=4), lines("b", Query("x"), w=18, h=8), stat("c", "x", w=6, h=4), stat("d", "x", w=6)],
    )
    places = [(p.grid_pos.x, p.grid_pos.y) for p in placed([row]) if p.grid_pos and p.type_val != "row"]
    assert places == [(0, 1), (6, 1), (0, 5), (0, 9)]


def test_numbers_at_the_head_of_a_row_share_its_width() -> None:
    row = Row("Row", [*(stat(f"n{number}", "x", w=2) for number in range(10)), lines("after", Query("x"), w=24)])
    places = [p.grid_pos for p in placed([row]) if p.type_val == "stat"]
    assert [(p.x, p.y, p.w, p.h) for p in places if p][:6] == [
        (0, 1, 5, 4), (5, 1, 5, 4), (10, 1, 5, 4), (15, 1, 5, 4), (20, 1, 4, 4), (0, 5, 5, 4),
    ]  # fmt: skip


def test_numbers_share_as_few_lines_as_have_room_for_their_titles() -> None:
    titles = ["Idle in transaction", *(f"n{number}" for number in range(7))]
    row = Row("Row", [stat(title, "x", trend=title == "n1") for title in titles])
    places = [(p.grid_pos.y, p.grid_pos.w, p.grid_pos.h) for p in placed([row]) if p.type_val == "stat" and p.grid_pos]
    assert places == [(1, 6, 5)] * 4 + [(6, 6, 4)] * 4


def test_the_titles_of_all_numbers_fit() -> None:
    numbers = [
        panel for board in boards() for panel in board.built().panels or []
        if isinstance(panel, m.Panel) and panel.type_val == "stat"
    ]  # fmt: skip
    assert numbers
    assert not [panel.title for panel in numbers if panel.grid_pos and panel.grid_pos.w < title_columns(panel)]


def test_a_cell_without_a_value_has_a_dash_and_no_colour() -> None:
    built = table("t", "x", label("ins", "Instance"), Column(title="Lag", unit="s", steps=below(1)))
    (lag,) = [override for override in built.field_config.overrides if override.matcher.options == "Lag"]  # type: ignore[union-attr]
    (mapping,) = [one.value for one in lag.properties if one.id_val == "mappings"]
    assert mapping == [
        {"type": "special", "options": {"match": "null", "result": {"color": "text", "index": 0, "text": "–"}}}
    ]


def test_a_table_has_no_columns_but_its_own() -> None:
    built = table(
        "t", "max by (ins, cls) (x)", label("ins", "Instance"), Column(title="Lag", expr="max by (ins, cls) (y)")
    )
    (organize,) = [step.options for step in built.transformations or [] if step.id_val == "organize"]
    assert isinstance(organize, dict)
    assert organize["excludeByName"] == {"Time": True, "__name__": True, "Value #A": True, "cls": True}


def test_a_panel_keeps_its_id_when_others_come() -> None:
    alone = list(placed([Row("Row", [stat("a", "x")])]))
    beside = list(placed([Row("Row", [stat("new", "x"), stat("a", "x")])]))
    assert alone[-1].id_val == beside[-1].id_val


def test_panels_that_cant_be_told_apart_are_an_error() -> None:
    with pytest.raises(ValueError, match="rename one"):
        list(placed([Row("Row", [stat("a", "x"), stat("a", "y")])]))


def test_panels_of_a_folded_row_are_within_it() -> None:
    board = Board(uid="x", title="X", folder="home", about="", rows=[Row("Row", [stat("a", "x")], folded=True)])
    (row,) = board.built().panels or []
    assert json.loads(json.dumps([panel.title for panel in row.panels])) == ["a"]  # type: ignore[union-attr]
