"""Spans as columns: what is in OTLP requests, as an Arrow table with the fields that VictoriaTraces has.

A column may be missing when no span has it. `_time` is when the span ended, `^0duration` how long it took (ns).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from staddle.store.names import MORE, MSG, TENANT, TIME, column_of
from staddle.traces import layout as wire_fields
from staddle.traces.attributes import attribute_columns
from staddle.traces.layout import Layout, last, without_ids
from staddle.traces.names import (
    DURATION,
    EVENT,
    LINK,
    RESOURCE_ATTR,
    SCOPE_ATTR,
    SPAN_ATTR,
)
from staddle.traces.texts import Texts, constant
from staddle.traces.wire import BYTES, FIXED64, VARINT, Buffer, Fields, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.traces.attributes import Group
    from staddle.traces.texts import Views
    from staddle.traces.wire import Flags, Ints, Words

    AddItem = Callable[["_Assembly", Fields, Ints, Ints], None]

MAX_COLUMNS = 480
CHUNK_SPANS = 16_384
MAX_NAME_BYTES = 128
NO_MESSAGE = "-"


@dataclass(slots=True)
class Decoded:
    """The spans that could be read, and how many could not."""

    table: pa.Table
    bad: int


class _Assembly:
    """Collects the columns of some spans."""

    def __init__(self, buffer: Buffer, count: int) -> None:
        self.buffer = buffer
        self.texts = Texts(buffer)
        self.count = count
        self.bad: Flags = np.zeros(count, np.bool_)
        self.sparse: dict[str, list[tuple[Ints, Views]]] = defaultdict(list)

    def add(self, name: str, rows: Ints, views: Views) -> None:
        """Values of some rows; later ones win."""
        if len(rows):
            self.sparse[name].append((rows, views))

    def add_groups(self, found: tuple[list[Group], Ints]) -> None:
        """What `attribute_columns` found."""
        groups, bad = found
        self.bad[bad] = True
        for name, rows, views in groups:
            self.add(name, rows, views)

    def number(self, name: str, fields: Fields, number: int) -> None:
        """A varint that every row has, 0 unless said otherwise."""
        values = np.zeros(self.count, np.uint64)
        found = fields.pick(number, VARINT)
        values[found.owner] = found.value & np.uint64(0xFFFFFFFF)
        different, inverse = np.unique(values, return_inverse=True)
        self.add(name, np.arange(self.count), self.texts.numbers(different)[inverse])

    def text(self, name: str, fields: Fields, number: int, rows: Ints | None = None) -> None:
        """A string, absent when it is empty."""
        found = fields.pick(number, BYTES)
        found = found.take(found.size > 0)
        self.add(name, found.owner if rows is None else rows[found.owner], self.texts.views(found.begin, found.size))

    def identifier(self, name: str, fields: Fields, number: int, size: int, rows: Ints | None = None) -> None:
        """A byte string of one size in hexadecimal, absent when it has another size or is zero."""
        found = fields.pick(number, BYTES)
        zero = self.buffer.words(found.begin, np.minimum(found.size, 8)) == 0
        if size > 8:
            zero &= self.buffer.words(found.begin + 8) == 0
        found = found.take((found.size == size) & ~zero)
        where = found.owner if rows is None else rows[found.owner]
        self.add(name, where, self.texts.hexadecimal(found.begin, size))

    def table(self, extra: dict[str, pa.Array]) -> pa.Table:
        """All columns. What is too rare, or has too long a name, goes into one column of JSON."""
        weight = {n: sum(len(r) for r, _ in parts) for n, parts in self.sparse.items()}
        kept = sorted(
            (n for n in weight if len(n.encode()) <= MAX_NAME_BYTES),
            key=lambda n: (":" in n, -weight[n], n),
        )[:MAX_COLUMNS]
        columns = dict(extra)
        for name in sorted(kept):
            columns[column_of(name)] = self._column(self.sparse[name])
        rest = sorted(set(self.sparse).difference(kept))
        if rest:
            columns[MORE] = self._more(rest)
        return pa.table(columns)

    def _column(self, parts: list[tuple[Ints, Views]]) -> pa.Array:
        views = np.zeros((self.count, 2), np.uint64)
        present = np.zeros(self.count, np.bool_)
        for rows, values in parts:
            views[rows] = values
            present[rows] = True
        return self.texts.array(views, None if present.all() else present)

    def _more(self, names: list[str]) -> pa.Array:
        found: dict[int, dict[str, str]] = defaultdict(dict)
        for name in names:
            for rows, values in self.sparse[name]:
                for row, text in zip(rows.tolist(), self.texts.array(values, None).to_pylist(), strict=True):
                    found[row][name] = text
        return pa.array([json.dumps(r, ensure_ascii=False) if (r := found.get(i)) else None for i in range(self.count)])


def decode(payloads: Sequence[bytes | memoryview], tenants: Sequence[int], times: Sequence[int]) -> Decoded:
    """The spans of some requests. Raises IngestError when one of them is no request at all.

    `tenants` and `times` say whose each request is, and when it came (Unix ns), which counts for spans without a time.
    """
    data = b"".join(payloads)
    layout = Layout()
    counts = []
    at = 0
    for payload in payloads:
        counts.append(layout.add(data, at, at + len(payload)))
        at += len(payload)
    buffer = Buffer(data)
    tenant_of = np.repeat(np.array(tenants, np.uint64), counts)
    came_at = np.repeat(np.array(times, np.int64), counts)
    # Some spans at a time: what it takes in memory is many times what they take on the wire.
    parts = []
    for first in range(0, max(len(layout.begins), 1), CHUNK_SPANS):
        chosen = slice(first, first + CHUNK_SPANS)
        parts.append(_decode(buffer, layout.part(chosen), tenant_of[chosen], came_at[chosen]))
    if len({c for p in parts for c in p.table.column_names}) > MAX_COLUMNS + 20:
        # Each part chose other columns.
        return _decode(buffer, layout, tenant_of, came_at)
    return Decoded(pa.concat_tables([p.table for p in parts], promote_options="default"), sum(p.bad for p in parts))


def _decode(buffer: Buffer, layout: Layout, tenants: Words, came_at: Ints) -> Decoded:
    fields = layout.spans(buffer)
    count = len(layout.begins)
    made = _Assembly(buffer, count)
    made.bad |= fields.bad | without_ids(buffer, fields, count)
    _span_fields(made, fields)
    _attributes(made, fields)
    _sequence(made, fields.pick(wire_fields.EVENTS, BYTES), _event)
    _sequence(made, fields.pick(wire_fields.LINKS, BYTES), _link)
    _context(made, layout)
    ends = _stamps(buffer, fields, wire_fields.END, count)
    starts = _stamps(buffer, fields, wire_fields.START, count)
    ends = np.where(ends == 0, starts, ends)
    ends = np.where(ends == 0, came_at, ends)
    starts = np.where(starts == 0, ends, starts)
    table = made.table(
        {
            TENANT: pa.array(tenants),
            TIME: pa.array(ends),
            DURATION: pa.array(ends - starts),
            MSG: pa.array([NO_MESSAGE]).dictionary_encode().take(pa.array(np.zeros(count, np.int32))),
        }
    )
    bad = int(np.count_nonzero(made.bad))
    return Decoded(table.filter(pa.array(~made.bad)) if bad else table, bad)


def _stamps(buffer: Buffer, fields: Fields, number: int, count: int) -> Ints:
    """Times in ns, 0 where there are none."""
    stamps = np.zeros(count, np.int64)
    found = fields.pick(number, FIXED64)
    words: Words = np.minimum(buffer.words(found.begin), np.uint64((1 << 63) - 1))
    stamps[found.owner] = words.astype(np.int64)
    return stamps


def _span_fields(made: _Assembly, fields: Fields) -> None:
    made.identifier("trace_id", fields, wire_fields.TRACE_ID, wire_fields.TRACE_ID_BYTES)
    made.identifier("span_id", fields, wire_fields.SPAN_ID, wire_fields.SPAN_ID_BYTES)
    made.identifier("parent_span_id", fields, wire_fields.PARENT, wire_fields.SPAN_ID_BYTES)
    made.text("trace_state", fields, wire_fields.TRACE_STATE)
    made.text("name", fields, wire_fields.NAME)
    made.number("kind", fields, wire_fields.KIND)
    made.number("dropped_attributes_count", fields, wire_fields.DROPPED_ATTRIBUTES)
    made.number("dropped_events_count", fields, wire_fields.DROPPED_EVENTS)
    made.number("dropped_links_count", fields, wire_fields.DROPPED_LINKS)
    every = np.arange(made.count)
    # As the original has it, which does not read them.
    made.add("flags", every, np.broadcast_to(constant("0"), (made.count, 2)))
    at, size = last(fields, wire_fields.STATUS, BYTES, made.count)
    status = scan(made.buffer, at, at + size)
    made.bad |= status.bad
    made.text("status_message", status, 2)
    made.number("status_code", status, 3)


def _attributes(made: _Assembly, fields: Fields) -> None:
    pairs = fields.pick(wire_fields.ATTRIBUTES, BYTES)
    made.add_groups(attribute_columns(made.buffer, made.texts, pairs, pairs.owner, lambda _: SPAN_ATTR))


def _sequence(made: _Assembly, items: Fields, add: AddItem) -> None:
    """Events or links: those that are the n-th of their span together."""
    if not len(items.owner):
        return
    first = np.flatnonzero(np.diff(items.owner, prepend=-1))
    lengths = np.diff(first, append=len(items.owner))
    ordinal = np.arange(len(items.owner)) - np.repeat(first, lengths)
    inner = scan(made.buffer, items.begin, items.begin + items.size)
    made.bad[items.owner[inner.bad]] = True
    add(made, inner, items.owner, ordinal)


def _each(inner: Fields, ordinal: Ints) -> list[tuple[int, Fields, Ints]]:
    """The fields and owners of the n-th items, for every n."""
    place = ordinal[inner.owner]
    return [(n, inner.take(place == n), np.flatnonzero(ordinal == n)) for n in range(int(ordinal.max()) + 1)]


def _event(made: _Assembly, inner: Fields, owner: Ints, ordinal: Ints) -> None:
    for n, fields, which in _each(inner, ordinal):
        prefix = EVENT.format(n)
        stamps = np.zeros(len(owner), np.uint64)
        times = fields.pick(1, FIXED64)
        stamps[times.owner] = made.buffer.words(times.begin)
        made.add(prefix + "event_time_unix_nano", owner[which], made.texts.numbers(stamps[which]))
        made.text(prefix + "event_name", fields, 2, owner)
        _count(made, prefix + "event_dropped_attributes_count", fields.pick(4, VARINT), owner, which)
    pairs = inner.pick(3, BYTES)
    _item_attributes(made, pairs, owner, ordinal, EVENT + "event_attr:")


def _link(made: _Assembly, inner: Fields, owner: Ints, ordinal: Ints) -> None:
    for n, fields, which in _each(inner, ordinal):
        prefix = LINK.format(n)
        made.identifier(prefix + "link_trace_id", fields, 1, wire_fields.TRACE_ID_BYTES, owner)
        made.identifier(prefix + "link_span_id", fields, 2, wire_fields.SPAN_ID_BYTES, owner)
        made.text(prefix + "link_trace_state", fields, 3, owner)
        made.add(prefix + "link_flags", owner[which], np.broadcast_to(constant("0"), (len(which), 2)))
        _count(made, prefix + "link_dropped_attributes_count", fields.pick(5, VARINT), owner, which)
    pairs = inner.pick(4, BYTES)
    _item_attributes(made, pairs, owner, ordinal, LINK + "link_attr:")


def _count(made: _Assembly, name: str, found: Fields, owner: Ints, which: Ints) -> None:
    values = np.zeros(len(owner), np.uint64)
    values[found.owner] = found.value
    made.add(name, owner[which], made.texts.numbers(values[which]))


def _item_attributes(made: _Assembly, pairs: Fields, owner: Ints, ordinal: Ints, prefix: str) -> None:
    made.add_groups(
        attribute_columns(made.buffer, made.texts, pairs, owner[pairs.owner], prefix.format, ordinal[pairs.owner])
    )


def _context(made: _Assembly, layout: Layout) -> None:
    """What the spans of a scope and of a resource have in common."""
    scope_of = np.array(layout.scope_of, np.int64)
    resource_of = np.array(layout.resource_of, np.int64)[scope_of] if len(scope_of) else scope_of
    scopes = _ranges(made, layout.scopes)
    _spread(made, scopes, 3, SCOPE_ATTR, scope_of)
    resources = _ranges(made, layout.resources)
    _spread(made, resources, 1, RESOURCE_ATTR, resource_of)
    for name, number in (("scope_name", 1), ("scope_version", 2)):
        found = scopes.pick(number, BYTES)
        found = found.take(found.size > 0)
        _broadcast(made, name, found.owner, made.texts.views(found.begin, found.size), scope_of)


def _ranges(made: _Assembly, ranges: list[tuple[int, int]]) -> Fields:
    bounds = np.array(ranges, np.int64).reshape(-1, 2)
    return scan(made.buffer, bounds[:, 0], bounds[:, 1])


def _spread(made: _Assembly, holders: Fields, number: int, prefix: str, holder_of: Ints) -> None:
    pairs = holders.pick(number, BYTES)
    groups, bad = attribute_columns(made.buffer, made.texts, pairs, pairs.owner, lambda _: prefix)
    for name, rows, views in groups:
        _broadcast(made, name, rows, views, holder_of)
    unreadable = holders.bad.copy()
    unreadable[bad] = True
    if len(holder_of):
        made.bad |= unreadable[holder_of]


def _broadcast(made: _Assembly, name: str, holders: Ints, views: Views, holder_of: Ints) -> None:
    """A value of a scope or resource for each of its spans."""
    if not len(holders) or not len(holder_of):
        return
    values = np.zeros((int(holder_of.max()) + 1, 2), np.uint64)
    present = np.zeros(len(values), np.bool_)
    known = holders < len(values)
    values[holders[known]], present[holders[known]] = views[known], True
    rows = np.flatnonzero(present[holder_of])
    made.add(name, rows, values[holder_of[rows]])
