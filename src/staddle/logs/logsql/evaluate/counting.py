"""Stages that count values: uniq, top, facets, field_names, field_values, and what blocks there are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import BlocksCount, BlockStats, Facets, FieldNames, FieldValues, Top, Uniq
from staddle.logs.logsql.evaluate.blocks import from_rows, split
from staddle.logs.logsql.evaluate.values import byte_length

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

_ENTRY = 120
"""About how many bytes one counted value takes besides its text."""


def _count(blocks: Iterator[Block], by: tuple[str, ...], context: Context) -> Counter[tuple[str, ...]]:
    counts: Counter[tuple[str, ...]] = Counter()
    single: Counter[str] = Counter()
    known = 0
    for block in blocks:
        if len(by) == 1:
            single.update(block.column(by[0]))
        else:
            counts.update(zip(*(block.column(f) for f in by), strict=True))
        size = len(single) + len(counts)
        context.budget.charge((size - known) * (_ENTRY + 32 * len(by)))
        known = size
    return Counter({(v,): n for v, n in single.items()}) if len(by) == 1 else counts


def _limited_count(
    blocks: Iterator[Block], by: tuple[str, ...], limit: int, context: Context
) -> tuple[Counter[tuple[str, ...]], bool]:
    """The counts, and whether there were more values than the limit (then as many as it, without counts)."""
    if not limit:
        return _count(blocks, by, context), False
    counts: Counter[tuple[str, ...]] = Counter()
    known = 0
    for block in blocks:
        counts.update(zip(*(block.column(f) for f in by), strict=True))
        context.budget.charge((len(counts) - known) * (_ENTRY + 32 * len(by)))
        known = len(counts)
        if len(counts) > limit:
            return Counter(dict.fromkeys(list(counts)[:limit], 0)), True
    return counts, False


def uniq(pipe: Uniq, context: Context) -> Stage:
    """`uniq`."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        counts, _ = _limited_count(blocks, pipe.by, pipe.limit, context)
        if pipe.hits:
            rows = [(*k, str(n)) for k, n in counts.items()]
            made = from_rows((*pipe.by, pipe.hits), rows)
        else:
            made = from_rows(pipe.by, counts)
        yield from split(made, context.limits.block_rows)

    return stage


def field_values(pipe: FieldValues, context: Context) -> Stage:
    """`field_values`: `uniq` with hits over one field."""
    return uniq(Uniq((pipe.field,), "hits" if pipe.field != "hits" else "hitss", pipe.limit), context)


def top(pipe: Top, context: Context) -> Stage:
    """`top`: most frequent first, equally frequent ones in text order."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        counts = _count(blocks, pipe.by, context)
        best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: pipe.limit]
        names = (*pipe.by, pipe.hits, pipe.rank) if pipe.rank else (*pipe.by, pipe.hits)
        rows = [(*k, str(n), str(i)) if pipe.rank else (*k, str(n)) for i, (k, n) in enumerate(best, 1)]
        yield from split(from_rows(names, rows), context.limits.block_rows)

    return stage


def facets(pipe: Facets, context: Context) -> Stage:
    """`facets`: fields with too many or too long values are left out, as are those with one value in all
    rows.
    """

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        counts: dict[str, Counter[str]] = {}
        dropped: set[str] = set()
        total = 0
        for block in blocks:
            total += block.rows
            for name in block.names():
                if name in dropped:
                    continue
                seen = counts.setdefault(name, Counter())
                known = len(seen)
                seen.update(block.column(name))
                seen.pop("", None)
                context.budget.charge((len(seen) - known) * _ENTRY)
                if len(seen) > pipe.max_values_per_field or any(byte_length(v) > pipe.max_value_len for v in seen):
                    dropped.add(name)
                    context.budget.charge(-len(seen) * _ENTRY)
                    del counts[name]
        rows: list[tuple[str, str, str]] = []
        for name in sorted(counts):
            seen = counts[name]
            if len(seen) == 1 and next(iter(seen.values())) == total and not pipe.keep_const_fields:
                continue
            best = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[: pipe.limit]
            rows.extend((name, value, str(hits)) for value, hits in best)
        yield from split(from_rows(("field_name", "field_value", "hits"), rows), context.limits.block_rows)

    return stage


def field_names(pipe: FieldNames, context: Context) -> Stage:
    """`field_names`: rows that have the field, by name."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        counts: Counter[str] = Counter()
        for block in blocks:
            for name in block.names():
                if name == "_time" and block.timestamps is not None:
                    counts[name] += block.rows
                else:
                    filled = sum(map(bool, block.column(name)))
                    if filled:
                        counts[name] += filled
        hits = "hits" if pipe.result != "hits" else "hitss"
        rows = [(name, str(n)) for name, n in counts.items()]
        yield from split(from_rows((pipe.result, hits), rows), context.limits.block_rows)

    return stage


def blocks_count(pipe: BlocksCount, _context: Context) -> Stage:
    """`blocks_count`."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        yield from_rows((pipe.result,), [(str(sum(1 for _ in blocks)),)])

    return stage


def block_stats(_pipe: BlockStats, _context: Context) -> Stage:
    """`block_stats`: the types of the blocks' columns. Sizes are those of the text; there are no bloom
    filters.
    """
    names = ("field", "type", "values_bytes", "bloom_bytes", "dict_items", "dict_bytes", "rows")

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            rows = []
            for name in block.names():
                kind = block.value_type(name)
                if not kind:
                    continue
                column = block.column(name)
                distinct = set(column) if kind == "dict" else ()
                size = byte_length(column[0]) if kind == "const" else sum(map(byte_length, column))
                rows.append(
                    (
                        name,
                        kind,
                        str(size),
                        "0",
                        str(len(distinct)),
                        str(sum(map(byte_length, distinct))),
                        str(block.rows),
                    )
                )
            if rows:
                yield from_rows(names, rows)

    return stage
