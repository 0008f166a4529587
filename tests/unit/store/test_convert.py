"""Log segments become parts with exactly the rows that a row-by-row reading gives."""

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from staddle.store import flatten
from staddle.store.convert import convert
from staddle.store.jsonlines import CODEC
from staddle.store.merge import merge
from staddle.store.names import column_of, field_of
from staddle.store.rowformat import RowFormat
from staddle.store.wal import WriteAheadLog, segment_path

Row = dict[str, str]
FAR = 1 << 62


def converted(folder: Path, payloads: list[tuple[int, RowFormat, bytes]], *, merged: bool = False) -> list[Row]:
    """The stored rows (empty fields left out) after converting the payloads, each with its tenant."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "parts").mkdir()
    wal = WriteAheadLog(folder / "wal", 1, segment_bytes=1 << 30, fsync_always=False)
    for tenant, row_format, payload in payloads:
        wal.append(tenant, row_format.dump(), payload)
    segments = [segment_path(folder / "wal", s) for s in wal.seal()]
    with duckdb.connect() as con:
        parts = convert(con, segments, folder / "parts", "p", (-FAR, FAR), CODEC).parts
        if merged and parts:
            parts = [merge(con, parts, folder / "parts", "m", CODEC)]
        rows: list[Row] = []
        for part in parts:
            cursor = con.execute("select * from read_parquet(?)", [str(folder / "parts" / f"{part.name}.parquet")])
            names = [d[0] for d in cursor.description or ()]
            found = cursor.fetchall()
            assert len(found) == part.rows
            for values in found:
                row = {n: v for n, v in zip(names, values, strict=True) if v is not None}
                out = {field_of(n): str(v) for n, v in row.items() if not n.startswith("^0")}
                out.update(json.loads(row.get("^0more", "{}")))
                rows.append({**out, "tenant": str(row["^0tenant"])})
    return rows


def as_set(rows: list[Row]) -> list[str]:
    return sorted(json.dumps(r, sort_keys=True) for r in rows)


def convert_lines(tmp_path: Path, row_format: RowFormat, *lines: str) -> list[Row]:
    rows = converted(tmp_path, [(0, row_format, "".join(line + "\n" for line in lines).encode())])
    return [{k: v for k, v in r.items() if k != "tenant"} for r in rows]


names = st.sampled_from(
    ["a", "A", "b.c", "", "x/y", "q~", 'k"', "ü", "dur", "n", "_msg", "a b", "^t", "\x01", "é" * 70]
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
numbers = st.sampled_from([0, -1, 15.5, 1e22, 123456789012345678901234567890, 0.1])
leaves = st.one_of(texts, numbers, st.booleans(), st.none())
values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v, max_size=3), max_leaves=5)
objects = st.dictionaries(names, values, min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(objects, min_size=1, max_size=8),
    tenants=st.lists(st.sampled_from([0, 7, (5 << 32) + 6]), min_size=1, max_size=3),
)
def test_bulk_reading_equals_row_by_row_reading(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], tenants: list[int]
) -> None:
    payload = "".join(json.dumps(r, ensure_ascii=i % 2 == 0) + "\n" for i, r in enumerate(rows)).encode()
    expected: list[Row] = []
    for tenant in tenants:
        for row in rows:
            parsed = flatten.parse_object(json.dumps(row))
            assert parsed is not None
            flat = flatten.flatten(parsed, 1000)
            if flat is not None:
                expected.append({**flat, "tenant": str(tenant), "_stream": "{}"})
    got = converted(tmp_path_factory.mktemp("c"), [(t, RowFormat(), payload) for t in tenants])
    for stored in got:
        del stored["_time"]
    assert as_set(got) == as_set(expected)


@pytest.mark.parametrize(
    "text",
    ["15.630", "1e5", "1E-7", "-0.50", "12345678901234567890123", "1.0", "0.10000000000000000000001"],
)
def test_numbers_keep_their_text(tmp_path: Path, text: str) -> None:
    [row] = convert_lines(
        tmp_path, RowFormat(), f'{{"_time":1,"n":{text},"s":"n:{text}","o":{{"n":{text}}},"l":[{text}]}}'
    )
    assert (row["n"], row["o.n"], row["l"]) == (text, text, f"[{text}]")


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ('"2026-11-22T00:00:08.320578Z"', 1795305608320578000),
        ('"2026-11-22T00:00:08.123456789Z"', 1795305608123456789),
        ('"2026-11-22 03:00:08+03:00"', 1795305608000000000),
        ('"2026-11-21T18:30:08.5-0530"', 1795305608500000000),
        ('"1795305608"', 1795305608000000000),
        ("1795305608.25", 1795305608250000000),
        ("1795305608320", 1795305608320000000),
        ("1795305608320578", 1795305608320578000),
        ("1795305608320578001", 1795305608320578001),
    ],
)
def test_times(tmp_path: Path, text: str, ns: int) -> None:
    [row] = convert_lines(tmp_path, RowFormat(time_fields=("ts", "t2")), f'{{"ts":{text},"t2":"x","_msg":"m"}}')
    assert row == {"_time": str(ns), "_msg": "m", "t2": "x", "_stream": "{}"}


def test_fields_by_format(tmp_path: Path) -> None:
    row_format = RowFormat(
        time_fields=("ts",),
        msg_fields=("m1", "m2"),
        stream_fields=("app", "env", "zone"),
        ignore_fields=("drop*", "x"),
        decolorize_fields=("col",),
        extra_fields=(("zone", 'e"u'), ("job", "j")),
        default_msg="none",
    )
    rows = convert_lines(
        tmp_path,
        row_format,
        r'{"ts":1,"m1":"","m2":"two","app":"a\\b","dropped":1,"x":2,"col":"\u001b[31mred\u001b[0m","job":"old"}',
        '{"ts":2,"m1":"one","m2":"two","env":"p"}',
        '{"ts":3,"_msg":"own"}',
        '{"ts":4}',
    )
    extra = {"zone": 'e"u', "job": "j"}
    assert as_set(rows) == as_set(
        [
            {
                "_time": "1000000000",
                "_msg": "two",
                "app": "a\\b",
                "col": "red",
                "_stream": '{app="a\\\\b",zone="e\\"u"}',
                **extra,
            },
            {
                "_time": "2000000000",
                "_msg": "one",
                "m2": "two",
                "env": "p",
                "_stream": '{env="p",zone="e\\"u"}',
                **extra,
            },
            {"_time": "3000000000", "_msg": "own", "_stream": '{zone="e\\"u"}', **extra},
            {"_time": "4000000000", "_msg": "none", "_stream": '{zone="e\\"u"}', **extra},
        ]
    )


def test_bad_lines_do_not_hurt_good_ones(tmp_path: Path) -> None:
    lines = [
        b'{"_time":1,"_msg":"good"}',
        b"garbage",
        b"[1,2]",
        b'"x"',
        b"{",
        b"",
        b"\r",
        b'{"_time":"never","_msg":"x"}',
        b'{"_time":2,"_msg":"\xff\xfe"}',
        b'{"_time":3,"big":"' + b"x" * 1000 + b'"}',
    ]
    rows = converted(tmp_path, [(0, RowFormat(max_line=500), b"\n".join(lines) + b"\n")])
    assert sorted(r["_msg"] for r in rows) == ["good", "��"]


def test_many_fields_are_bounded_in_columns_not_in_rows(tmp_path: Path) -> None:
    lines = [json.dumps({"_time": 1, **{f"f{i}_{j}": str(j) for j in range(30)}}) for i in range(40)]
    rows = converted(tmp_path, [(0, RowFormat(), "".join(x + "\n" for x in lines).encode())])
    assert len({k for r in rows for k in r}) == 3 + 40 * 30
    assert all(len(r) == 33 for r in rows)


def test_merging_keeps_rows_and_knows_their_words(tmp_path: Path) -> None:
    lines = "".join(f'{{"_time":{i + 1},"_msg":"took {i} ms of x{i}y","app":"{i % 3}"}}\n' for i in range(50)).encode()
    rows = converted(tmp_path, [(0, RowFormat(stream_fields=("app",)), lines)], merged=True)
    assert len(rows) == 50
    assert [r["_stream"] for r in rows] == sorted(r["_stream"] for r in rows)
    summary = json.loads((tmp_path / "parts" / "m.summary.json").read_text())
    assert summary["words"] == ["0", "ms", "of", "took"]


@given(st.text(max_size=20))
def test_column_names_are_reversible_and_differ_without_case(name: str) -> None:
    assert field_of(column_of(name)) == name
    assert not any("A" <= c <= "Z" for c in column_of(name))
