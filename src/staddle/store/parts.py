"""Parquet parts: how they are written, described and split by day."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from staddle.store.manifest import Part, sync_folder
from staddle.store.names import TENANT, TIME, literal, quoted

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

DAY_NS = 86_400_000_000_000
ROW_GROUP_ROWS = 122_880
COPY_OPTIONS = (
    "(format parquet, compression zstd, compression_level 1, parquet_version v2, row_group_size 30720, "
    "dictionary_size_limit 1000)"
)
MERGED_OPTIONS = f"(format parquet, compression zstd, parquet_version v2, row_group_size {ROW_GROUP_ROWS})"
MAX_DAYS = 64


def part_path(folder: Path, name: str) -> Path:
    """Where a part's rows are."""
    return folder / f"{name}.parquet"


def summary_path(folder: Path, name: str) -> Path:
    """Where a part's summary is, if it has one."""
    return folder / f"{name}.summary.json"


def shapes_path(folder: Path, name: str) -> Path:
    """Where the shapes of a part's messages are (Parquet, columns `h` and `s`), if it has them."""
    return folder / f"{name}.shapes.parquet"


def index_path(folder: Path, name: str) -> Path:
    """Where a codec keeps what it wants to find fast, if it does."""
    return folder / f"{name}.index"


def make_durable(path: Path) -> int:
    """Flush a finished file to the disk; its size."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def describe(con: duckdb.DuckDBPyConnection, path: Path, level: int, raw_bytes: int) -> Part:
    """A finished, now durable file as a part."""
    size = make_durable(path)
    source = f"read_parquet({literal(str(path))})"
    rows, low, high, tenants = con.execute(
        f"select count(*), min({TIME}), max({TIME}), list(distinct {quoted(TENANT)}) from {source}"
    ).fetchall()[0]
    columns = tuple(r[0] for r in con.execute(f"describe select * from {source}").fetchall())
    day = low // DAY_NS if low // DAY_NS == high // DAY_NS else -1
    return Part(path.stem, day, level, rows, size, raw_bytes, low, high, columns, tuple(sorted(tenants)))


def split_days(con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> list[Part]:
    """One part per UTC day in place of `part`; the part itself when it has one day only, or very many."""
    if part.day >= 0:
        return [part]
    path = folder / f"{part.name}.parquet"
    source = f"read_parquet({literal(str(path))})"
    days = sorted(d for (d,) in con.execute(f"select distinct {TIME} // {DAY_NS} from {source}").fetchall())
    if len(days) > MAX_DAYS:
        return [part]
    out = []
    for day in days:
        target = folder / f"{part.name}-{day}.parquet"
        con.execute(
            f"copy (select * from {source} where {TIME} // {DAY_NS} = {day}) to {literal(str(target))} {COPY_OPTIONS}"
        )
        out.append(describe(con, target, part.level, 0))
    path.unlink()
    sync_folder(folder)
    return out
