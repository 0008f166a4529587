"""Attributes (OTLP's KeyValue) of many messages as columns of texts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from staddle.logs.errors import IngestError
from staddle.logs.insert import otlp
from staddle.traces.texts import constant
from staddle.traces.wire import BYTES, FIXED64, VARINT, Buffer, Fields, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.traces.texts import Texts, Views
    from staddle.traces.wire import Flags, Ints, Words

EMPTY = "-"
STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, RAW = range(1, 8)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(29)
LONG_KEY = 1024

Group = tuple[str, "Ints", "Views"]


def attribute_columns(
    buffer: Buffer,
    texts: Texts,
    pairs: Fields,
    rows: Ints,
    prefix: Callable[[int], str],
    variant: Ints | None = None,
) -> tuple[list[Group], Ints]:
    """Columns of key-value messages: name, rows, and views of the values; and the rows with unreadable ones.

    `rows` says for every message which row it belongs to. Where one name is needed several times (the n-th event of a
    span), `variant` tells the messages apart, and `prefix` names the variants.
    """
    count = len(pairs.begin)
    if not count:
        return [], np.zeros(0, np.int64)
    inner = scan(buffer, pairs.begin, pairs.begin + pairs.size)
    key_at, key_size = _last(inner, 1, count)
    key_size = np.minimum(key_size, LONG_KEY)
    value_at, value_size = _last(inner, 2, count)
    values = scan(buffer, value_at, value_at + value_size)
    views, complex_ = _values(buffer, texts, values, count)
    bad = inner.bad | values.bad
    which = np.zeros(count, np.int64) if variant is None else variant
    codes, firsts = _codes(buffer, key_at, key_size, which)
    names = [
        prefix(int(which[i])) + bytes(buffer.bytes[key_at[i] : key_at[i] + key_size[i]]).decode("utf-8", "replace")
        for i in firsts
    ]
    groups: list[Group] = []
    plain = ~(complex_ | bad)
    order = np.argsort(codes.astype(np.uint16) if len(names) < 65536 else codes, kind="stable")
    order = order[plain[order]]
    sorted_codes = codes[order]
    edges = np.flatnonzero(np.diff(sorted_codes, prepend=-1, append=-1))
    for low, high in pairwise(edges.tolist()):
        chosen = order[low:high]
        groups.append((names[sorted_codes[low]], rows[chosen], views[chosen]))
    groups += _nested(buffer, texts, np.flatnonzero(complex_ & ~bad), (value_at, value_size), rows, names, codes)
    return groups, rows[bad]


def _last(fields: Fields, number: int, count: int) -> tuple[Ints, Ints]:
    begin, size = np.zeros(count, np.int64), np.zeros(count, np.int64)
    found = fields.pick(number, BYTES)
    begin[found.owner], size[found.owner] = found.begin, found.size
    return begin, size


def _codes(buffer: Buffer, at: Ints, size: Ints, variant: Ints) -> tuple[Ints, list[int]]:
    """A small number for each key (and variant), and where each comes first. By a hash of the whole key."""
    hashed: Words = (size.astype(np.uint64) + np.uint64(1)) * _PRIME
    hashed ^= variant.astype(np.uint64) << np.uint64(40)
    for offset in range(0, int(size.max(initial=0)), 8):
        rest = np.flatnonzero(size > offset) if offset else np.arange(len(size))
        word = buffer.words(at[rest] + offset, np.clip(size[rest] - offset, 0, 8))
        mixed = (hashed[rest] ^ word) * _PRIME
        hashed[rest] = mixed ^ mixed >> _FOLD
    encoded = pc.dictionary_encode(pa.array(hashed))
    codes = encoded.indices.to_numpy()
    firsts = np.full(len(encoded.dictionary), -1, np.int64)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes, firsts.tolist()


def _values(buffer: Buffer, texts: Texts, values: Fields, count: int) -> tuple[Views, Flags]:
    """Views of all values as texts, and which are nested: those are for Python."""
    views = np.empty((count, 2), np.uint64)
    views[:] = constant(EMPTY)
    strings = values.pick(STRING, BYTES)
    strings = strings.take(strings.size > 0)
    views[strings.owner] = texts.views(strings.begin, strings.size)
    booleans = values.pick(BOOL, VARINT)
    views[booleans.owner] = np.where(booleans.value[:, None] != 0, constant("true"), constant("false"))
    integers = values.pick(INT, VARINT)
    if len(integers.owner):
        views[integers.owner] = texts.numbers(integers.value.view(np.int64))
    doubles = values.pick(DOUBLE, FIXED64)
    if len(doubles.owner):
        different, inverse = np.unique(buffer.words(doubles.begin), return_inverse=True)
        written = texts.of([otlp.double_text(v) for v in different.view(np.float64).tolist()])
        views[doubles.owner] = written[inverse]
    complex_ = np.zeros(count, np.bool_)
    for number in (ARRAY, KVLIST, RAW):
        complex_[values.pick(number, BYTES).owner] = True
    return views, complex_


def _nested(
    buffer: Buffer,
    texts: Texts,
    which: Ints,
    ranges: tuple[Ints, Ints],
    rows: Ints,
    names: list[str],
    codes: Ints,
) -> Iterator[Group]:
    """Lists, byte strings and nested attributes, one by one."""
    found: dict[str, tuple[list[int], list[str]]] = {}
    at, size = ranges
    known: dict[tuple[int, bytes], dict[str, str]] = {}
    for i in which.tolist():
        data = buffer.bytes[at[i] : at[i] + size[i]].tobytes()
        flat = known.get((codes[i], data))
        if flat is None:
            flat = known[codes[i], data] = _flat(names[codes[i]], data)
        for name, text in flat.items():
            where, values = found.setdefault(name, ([], []))
            where.append(int(rows[i]))
            values.append(text)
    for name, (where, values) in found.items():
        yield name, np.array(where, np.int64), texts.of(values)


def _flat(name: str, data: bytes) -> dict[str, str]:
    flat: dict[str, str] = {}
    try:
        otlp.add_fields(flat, "", {name: otlp.any_value(memoryview(data))}, empty=EMPTY)
    except IngestError:
        # Nested too deeply, or damaged where nobody had looked: the value is left out, the span is not.
        return {}
    return flat
