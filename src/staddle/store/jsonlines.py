"""JSON lines as rows: the codec of the log store (see `codec`)."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.store import flatten
from staddle.store.lines import lines_table, table_of
from staddle.store.names import MORE, MSG, STREAM, TIME, literal, pointer
from staddle.store.parts import MERGED_OPTIONS
from staddle.store.rowformat import RowFormat
from staddle.store.rowsql import MACROS, UNIX_MACRO, RowSelect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from staddle.store.codec import Converted
    from staddle.store.manifest import Part
    from staddle.store.wal import Record

log = logging.getLogger(__name__)

MAX_PART_COLUMNS = 500
_NESTED = literal(r'":\s*[\[{]')
_SPECIAL = literal(r'":\s*([\[{]|-?[0-9]+[.eE])')
_SEPARATOR = "\x01"
_FLOAT_KEY = literal(r'"([^"\\]*)"\s*:\s*-?[0-9]+[.eE]')


class JsonLines:
    """Rows of logs: sorted by stream and time, with shapes of their messages."""

    order = (STREAM, TIME)
    options = MERGED_OPTIONS
    shaped = True

    def select(
        self,
        con: duckdb.DuckDBPyConnection,
        row_format: str,
        records: Sequence[Record],
        index: int,
        result: Converted,
        times: tuple[int, int],
    ) -> str:
        """See Codec."""
        con.execute(MACROS + UNIX_MACRO)
        return _group(con, RowFormat.load(row_format), records, index, result, times)

    def index(self, con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> None:
        """Nothing more."""


CODEC = JsonLines()


@dataclass(slots=True)
class _Found:
    """What a look at a batch of lines says about it."""

    keys: Counter[str]
    float_keys: frozenset[str]
    odd: str
    lines: int


def _group(
    con: duckdb.DuckDBPyConnection,
    row_format: RowFormat,
    records: Sequence[Record],
    index: int,
    result: Converted,
    times: tuple[int, int],
) -> str:
    """The SELECT that makes rows of the records of one format."""
    table, too_long = lines_table(records, row_format.max_line)
    if too_long:
        result.dropped["too_long_line"] += too_long
    con.register(f"lines{index}", table)
    result.registered.append(f"lines{index}")
    found = _look(con, f"lines{index}", row_format)
    source, keys = f"lines{index}", found.keys
    if found.odd:
        fixed, fixed_keys, dropped = _fix(con, source, found, row_format)
        result.dropped["bad"] += dropped
        found.lines -= dropped
        con.register(f"fixed{index}", fixed)
        result.registered.append(f"fixed{index}")
        keys = fixed_keys
        source = f"(select * from {source} where not ({found.odd}) union all select * from fixed{index})"
    # Corrected by the number of rows written, once that is known.
    result.dropped["time"] += found.lines
    return RowSelect(row_format, sorted(keys), found.float_keys).sql(source, *times)


def _look(con: duckdb.DuckDBPyConnection, source: str, row_format: RowFormat) -> _Found:
    """Which keys there are, and which rows have to be looked at one by one.

    Rows are grouped by the list of their keys, joined to a string because that is far cheaper to group by.
    """
    rows = con.execute(
        f"select keys, amount, bool_or(special), count(*) from (select case when json_valid(json) then "
        f"json_keys(json) end as list, "
        f"array_to_string(list, chr(1)) as keys, len(list) as amount, regexp_matches(json, {_SPECIAL}) as "
        f"special from {source}) "
        "group by 1, 2"
    ).fetchall()
    lists = [(text.split(_SEPARATOR) if amount else [], amount, count) for text, amount, _, count in rows]
    special = any(r[2] for r in rows)
    odd: list[str] = []
    if any(not amount for _, amount, _ in lists):
        odd.append("case when json_valid(json) then len(json_keys(json)) = 0 else true end")
    if any(amount and len(names) != amount for names, amount, _ in lists):
        # A key has the separator in it.
        odd.append("contains(json, '\\u0001')")
    known = {name for names, _, _ in lists for name in names}
    valid = "json_valid(json)" if odd else "true"
    float_keys, nested = _types(con, source, sorted(known), valid) if special else (frozenset(), False)
    if nested:
        odd.append(f"regexp_matches(json, {_NESTED})")
        lists = _plain_lists(con, source)
    keys: Counter[str] = Counter()
    strange: list[list[str]] = []
    for names, amount, count in lists:
        if not amount or len(names) != amount:
            continue
        if _strange(names, row_format):
            strange.append(names)
        else:
            for key in names:
                keys[key] += count
    _keep_frequent(keys, row_format, [names for names, _, _ in lists], strange)
    if strange:
        con.execute(
            "create or replace temp table strange as select unnest(cast(? as varchar[][])) as names",
            [strange],
        )
        odd.append("case when json_valid(json) then json_keys(json) in (select names from strange) else true end")
    return _Found(keys, float_keys, " or ".join(odd), sum(r[3] for r in rows))


def _types(con: duckdb.DuckDBPyConnection, source: str, keys: list[str], valid: str) -> tuple[frozenset[str], bool]:
    """Keys with numbers whose text DuckDB would change, and whether there are objects or arrays."""
    special = f"{source} where {valid} and regexp_matches(json, {_SPECIAL})"
    if len(keys) > MAX_PART_COLUMNS:
        found = con.execute(
            f"select distinct unnest(regexp_extract_all(json, {_FLOAT_KEY}, 1)) from {special}"
        ).fetchall()
        return frozenset(k for (k,) in found), True
    pointers = "[" + ", ".join(literal(pointer(k)) for k in keys) + "]"
    columns = ", ".join(
        f"bool_or(t[{i + 1}] = 'DOUBLE'), bool_or(t[{i + 1}] in ('OBJECT', 'ARRAY'))" for i in range(len(keys))
    )
    flags = con.execute(f"select {columns} from (select json_type(json, {pointers}) as t from {special})").fetchall()[0]
    return frozenset(k for i, k in enumerate(keys) if flags[2 * i]), any(flags[1::2])


def _plain_lists(con: duckdb.DuckDBPyConnection, source: str) -> list[tuple[list[str], int, int]]:
    """The lists of keys of rows without objects and arrays."""
    rows = con.execute(
        f"select json_keys(json), count(*) from {source} where json_valid(json) and not "
        f"regexp_matches(json, {_NESTED}) group by 1"
    ).fetchall()
    return [(names, len(names), count) for names, count in rows]


def _strange(names: list[str], row_format: RowFormat) -> bool:
    """Do rows with these keys need a look one by one?"""
    return (
        len(set(names)) < len(names)
        or MORE in names
        or ("" in names and MSG in names)
        or len(names) > min(row_format.max_fields, flatten.MAX_COLUMNS)
        or any(len(n) > flatten.MAX_NAME_BYTES // 4 and len(n.encode()) > flatten.MAX_NAME_BYTES for n in names)
    )


def _needed(row_format: RowFormat) -> set[str]:
    return {"_time", "_msg", *row_format.time_fields, *row_format.msg_fields, *row_format.stream_fields}


def _keep_frequent(keys: Counter[str], row_format: RowFormat, lists: list[list[str]], strange: list[list[str]]) -> None:
    """Bound the columns: rows with fields that are too rare for a column are looked at one by one."""
    if len(keys) <= MAX_PART_COLUMNS:
        return
    kept = _frequent(keys, row_format)
    strange += [names for names in lists if names and not kept.issuperset(names)]
    for key in list(keys):
        if key not in kept:
            del keys[key]


def _frequent(keys: Counter[str], row_format: RowFormat) -> set[str]:
    needed = _needed(row_format)
    common = [k for k, _ in keys.most_common(MAX_PART_COLUMNS)]
    return {k for k in keys if k in needed} | set(common[: MAX_PART_COLUMNS - len(needed & keys.keys())])


def _fix(
    con: duckdb.DuckDBPyConnection, source: str, found: _Found, row_format: RowFormat
) -> tuple[pa.Table, Counter[str], int]:
    """Odd lines as flat ones, the keys of all lines, and how many could not be read."""
    rows: list[tuple[dict[str, str], int, int]] = []
    keys = Counter(found.keys)
    dropped = 0
    con.execute(f"select json, tenant, now from {source} where {found.odd}")
    while batch := con.fetchmany(10_000):
        for line, tenant, now in batch:
            parsed = flatten.parse_object(line)
            flat = None if parsed is None else flatten.flatten(parsed, row_format.max_fields)
            if flat is None:
                dropped += 1
                if dropped <= 3:
                    log.warning("line dropped: %.300s", line)
                continue
            rows.append((flat, tenant, now))
            keys.update(flat.keys())
    kept = set(keys) if len(keys) <= MAX_PART_COLUMNS else _frequent(keys, row_format)
    payloads = []
    for flat, _, _ in rows:
        extra = {k: v for k, v in flat.items() if k not in kept} if len(kept) < len(keys) else None
        if extra:
            flat = {k: v for k, v in flat.items() if k in kept}  # noqa: PLW2901
            flat[MORE] = json.dumps(extra, ensure_ascii=False)
        payloads.append(flatten.encode_row(flat) + b"\n")
    table, _ = table_of(payloads or [b""], [t for _, t, _ in rows] or [0], [n for _, _, n in rows] or [0], 1 << 30)
    chosen = Counter({k: n for k, n in keys.items() if k in kept})
    if len(kept) < len(keys):
        chosen[MORE] = 1
    return table, chosen, dropped
