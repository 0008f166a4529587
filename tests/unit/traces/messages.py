"""Requests of all shapes, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
names = st.sampled_from(
    ["a", "A", "service.name", "http.route", "db.query.text", "", "x" * 13, "é", "k" * 120, "a^b", 'q"', "l" * 300]
)
whole = st.integers(-(1 << 63), (1 << 63) - 1)
scalars = st.one_of(
    st.builds(lambda v: AnyValue(string_value=v), texts),
    st.builds(lambda v: AnyValue(bool_value=v), st.booleans()),
    st.builds(lambda v: AnyValue(int_value=v), whole),
    st.builds(lambda v: AnyValue(double_value=v), st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(lambda v: AnyValue(bytes_value=v), st.binary(max_size=20)),
    st.just(AnyValue()),
)


def pairs(values: st.SearchStrategy[AnyValue], size: int = 6) -> st.SearchStrategy[list[KeyValue]]:
    return st.lists(st.builds(lambda k, v: KeyValue(key=k, value=v), names, values), max_size=size)


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda v: AnyValue(array_value=ArrayValue(values=v)), st.lists(inner, max_size=3)),
        st.builds(lambda v: AnyValue(kvlist_value=KeyValueList(values=v)), pairs(inner, 3)),
    ),
    max_leaves=4,
)
trace_ids = st.one_of(st.binary(min_size=16, max_size=16), st.sampled_from([b"", b"\0" * 16, b"short"]))
span_ids = st.one_of(st.binary(min_size=8, max_size=8), st.sampled_from([b"", b"\0" * 8, b"nine bytes"]))
times = st.one_of(st.just(0), st.integers(1, (1 << 63) - 1))
counts = st.integers(0, (1 << 32) - 1)
events = st.builds(
    lambda t, n, a, d: Span.Event(time_unix_nano=t, name=n, attributes=a, dropped_attributes_count=d),
    times,
    texts,
    pairs(values, 3),
    counts,
)
links = st.builds(
    lambda t, s, w, a, d: Span.Link(trace_id=t, span_id=s, trace_state=w, attributes=a, dropped_attributes_count=d),
    trace_ids,
    span_ids,
    texts,
    pairs(values, 3),
    counts,
)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start, end = draw(times), draw(times)
    return Span(
        trace_id=draw(trace_ids),
        span_id=draw(span_ids),
        trace_state=draw(texts),
        parent_span_id=draw(span_ids),
        name=draw(texts),
        kind=draw(st.integers(0, 5)),  # type: ignore[arg-type]
        start_time_unix_nano=min(start, end),
        end_time_unix_nano=max(start, end) if end else 0,
        attributes=draw(pairs(values)),
        dropped_attributes_count=draw(counts),
        events=draw(st.lists(events, max_size=3)),
        dropped_events_count=draw(counts),
        links=draw(st.lists(links, max_size=2)),
        dropped_links_count=draw(counts),
        status=Status(message=draw(texts), code=draw(st.integers(0, 2))),  # type: ignore[arg-type]
        flags=draw(counts),
    )


scope_spans = st.builds(
    lambda n, v, a, s: ScopeSpans(scope=InstrumentationScope(name=n, version=v, attributes=a), spans=s),
    texts,
    texts,
    pairs(values, 2),
    st.lists(spans(), max_size=4),
)
resource_spans = st.builds(
    lambda a, s, r: ResourceSpans(resource=Resource(attributes=a) if r else None, scope_spans=s),
    pairs(values, 3),
    st.lists(scope_spans, max_size=2),
    st.booleans(),
)
requests = st.builds(lambda r: ExportTraceServiceRequest(resource_spans=r), st.lists(resource_spans, max_size=2))
