"""Where the spans are in an OTLP request, without looking into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from staddle.traces.wire import BYTES, Buffer, Fields, ranges, scan

if TYPE_CHECKING:
    from staddle.traces.wire import Flags, Ints

TRACE_ID, SPAN_ID, TRACE_STATE, PARENT, NAME, KIND, START, END = 1, 2, 3, 4, 5, 6, 7, 8
ATTRIBUTES, DROPPED_ATTRIBUTES, EVENTS, DROPPED_EVENTS, LINKS, DROPPED_LINKS, STATUS = 9, 10, 11, 12, 13, 14, 15
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


@dataclass(slots=True)
class Layout:
    """Ranges of the messages of one or more requests in one buffer.

    Scopes and resources are numbered; `scopes` and `resources` are their ranges (empty where the sender left them out).
    """

    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    scope_of: list[int] = field(default_factory=list)
    scopes: list[tuple[int, int]] = field(default_factory=list)
    resource_of: list[int] = field(default_factory=list)
    resources: list[tuple[int, int]] = field(default_factory=list)

    def add(self, data: bytes, at: int, end: int) -> int:
        """Take in the ExportTraceServiceRequest at [at, end); how many spans it has. Raises IngestError."""
        before = len(self.begins)
        for resource_at, resource_end in zip(*ranges(data, at, end, 1)[:2], strict=True):
            begins, ends, others = ranges(data, resource_at, resource_end, 2)
            self.resources.append(next(((b, e) for n, b, e in reversed(others) if n == 1), (0, 0)))
            for scope_at, scope_end in zip(begins, ends, strict=True):
                spans, span_ends, inner = ranges(data, scope_at, scope_end, 2)
                self.scopes.append(next(((b, e) for n, b, e in reversed(inner) if n == 1), (0, 0)))
                self.resource_of.append(len(self.resources) - 1)
                self.scope_of.extend([len(self.scopes) - 1] * len(spans))
                self.begins.extend(spans)
                self.ends.extend(span_ends)
        return len(self.begins) - before

    def part(self, chosen: slice) -> Layout:
        """The layout of some of the spans."""
        begins, ends, scope_of = self.begins[chosen], self.ends[chosen], self.scope_of[chosen]
        if not begins:
            return Layout()
        first = scope_of[0]
        scopes = slice(first, scope_of[-1] + 1)
        resource_of = self.resource_of[scopes]
        root = resource_of[0]
        return Layout(
            begins,
            ends,
            [s - first for s in scope_of],
            self.scopes[scopes],
            [r - root for r in resource_of],
            self.resources[root : resource_of[-1] + 1],
        )

    def spans(self, buffer: Buffer) -> Fields:
        """The fields of all spans."""
        return scan(buffer, np.array(self.begins, np.int64), np.array(self.ends, np.int64))


def last(fields: Fields, number: int, kind: int, count: int) -> tuple[Ints, Ints]:
    """Begin and size of a field of every message, 0 where it isn't there. The last one counts."""
    begin, size = np.zeros(count, np.int64), np.zeros(count, np.int64)
    found = fields.pick(number, kind)
    begin[found.owner] = found.begin
    size[found.owner] = found.size
    return begin, size


def without_ids(buffer: Buffer, fields: Fields, count: int) -> Flags:
    """Which spans have no valid trace id or span id: those are no spans, OTLP says."""
    trace, trace_size = last(fields, TRACE_ID, BYTES, count)
    span, span_size = last(fields, SPAN_ID, BYTES, count)
    good: Flags = (trace_size == TRACE_ID_BYTES) & (span_size == SPAN_ID_BYTES)
    good &= (buffer.words(trace) | buffer.words(trace + 8)) != 0
    good &= buffer.words(span) != 0
    return np.logical_not(good)


def count_spans(data: bytes) -> tuple[int, int]:
    """How many spans a request has, and how many of those can't be stored. Raises IngestError when it is no request."""
    layout = Layout()
    count = layout.add(data, 0, len(data))
    if not count:
        return 0, 0
    buffer = Buffer(data)
    fields = layout.spans(buffer)
    return count, int(np.count_nonzero(fields.bad | without_ids(buffer, fields, count)))
