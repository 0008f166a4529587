"""OTLP requests become the rows that a message-by-message reading gives, whatever is in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings, strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from staddle.logs.errors import IngestError
from staddle.store.names import MORE, field_of
from staddle.traces import columns, otlp_json
from staddle.traces.columns import decode
from staddle.traces.layout import count_spans

from . import messages, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_795_305_600_000_000_000
relaxed = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def decoded(*requests: ExportTraceServiceRequest) -> list[reference.Row]:
    """All stored fields as text."""
    found = decode([r.SerializeToString() for r in requests], [0] * len(requests), [NOW] * len(requests))
    out = []
    for row in found.table.to_pylist():
        more = json.loads(row.pop(MORE, None) or "{}")
        del row["^0tenant"]
        named = {c if c.startswith("^0") else field_of(c): v for c, v in row.items() if v is not None}
        out.append({k: str(v) for k, v in {**named, **more}.items()})
    return out


def a_span(**changes: Any) -> Span:
    return Span(**{"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "x", **changes})


def request_of(*spans: Span) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Few spans at a time, so that requests are cut in all places."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "CHUNK_SPANS", 3)
        yield


@relaxed
@given(st.lists(messages.requests, min_size=1, max_size=3))
def test_rows_are_those_of_a_slow_reading(requests: list[ExportTraceServiceRequest]) -> None:
    assert decoded(*requests) == [row for r in requests for row in reference.rows(r, NOW)]


@relaxed
@given(messages.requests)
def test_what_can_not_be_stored_is_counted_before(request: ExportTraceServiceRequest) -> None:
    spans = [s for r in request.resource_spans for c in r.scope_spans for s in c.spans]
    bad = sum(not reference.is_span(s) for s in spans)
    assert count_spans(request.SerializeToString()) == (len(spans), bad)


@relaxed
@given(messages.requests, st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
def test_damaged_requests_are_refused_or_lose_spans(
    request: ExportTraceServiceRequest, where: int, what: bytes, gone: int
) -> None:
    data = request.SerializeToString()
    at = where % (len(data) + 1)
    damaged = data[:at] + what + data[at + gone :]
    try:
        spans, rejected = count_spans(damaged)
    except IngestError:
        return
    found = decode([damaged], [0], [NOW])
    assert found.table.num_rows + found.bad == spans
    assert found.bad >= rejected


@relaxed
@given(messages.requests)
def test_json_says_the_same_as_protobuf(request: ExportTraceServiceRequest) -> None:
    text = json.dumps(otlp_names(json_format.MessageToDict(request, use_integers_for_enums=True)))
    made = ExportTraceServiceRequest.FromString(otlp_json.encode(text.encode()))
    assert made == request


def otlp_names(value: Any) -> Any:
    """Protobuf's JSON as OTLP's: ids are hexadecimal there."""
    import base64

    if isinstance(value, list):
        return [otlp_names(v) for v in value]
    if not isinstance(value, dict):
        return value
    ids = {"traceId", "spanId", "parentSpanId"}
    return {k: base64.b64decode(v).hex() if k in ids else otlp_names(v) for k, v in value.items()}


def test_a_client_may_leave_out_or_misname_in_json() -> None:
    text = '{"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "%s", "spanId": "%s", "new": 1}]}]}]}'
    data = otlp_json.encode((text % ("ab" * 16, "cd" * 8)).encode())
    assert count_spans(data) == (1, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", 'want an object, found []'),
        ("{", "malformed JSON"),
        ('{"resourceSpans": 1}', "resourceSpans: want a list, found 1"),
        ('{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}', "spans[0].traceId: want hexadecimal"),
        ('{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "-1"}]}]}]}', "unsigned 64-bit"),
        ('{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": true}]}]}]}', "kind: want an integer, found true"),
    ],
)  # fmt: skip
def test_wrong_json_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(IngestError) as caught:
        otlp_json.encode(text.encode())
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [b"\x0a\xff", b"\x0b", b"\x0a\x03abc", b"\x00\x01", b"\x0a" + b"\xff" * 11])
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(IngestError, match="malformed protobuf"):
        count_spans(data)


def test_rare_attributes_share_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_COLUMNS", 20)
    spans = [
        a_span(attributes=[KeyValue(key=f"id.{i}.{k}", value=AnyValue(int_value=i)) for k in range(9)])
        for i in range(20)
    ]
    request = request_of(*spans)
    found = decode([request.SerializeToString()], [0], [NOW]).table
    assert found.num_columns < 30
    assert decoded(request) == reference.rows(request, NOW)


def test_a_span_with_too_many_fields_is_left_out() -> None:
    attributes = [KeyValue(key=str(i), value=AnyValue(bool_value=True)) for i in range(2100)]
    assert count_spans(request_of(a_span(attributes=attributes), a_span()).SerializeToString()) == (2, 1)


def test_bytes_that_are_no_text_are_replaced() -> None:
    data = request_of(a_span(name="ab")).SerializeToString().replace(b"ab", b"a\xff")
    (row,) = decode([data], [0], [NOW]).table.to_pylist()
    assert row["name"] == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (3.0, "3"), (-0.0, "-0"), (1e22, "1" + "0" * 22), (1e-7, "0.0000001"), (float("inf"), "+Inf"),
     (float("-inf"), "-Inf"), (float("nan"), "NaN")],
)  # fmt: skip
def test_doubles_have_no_exponent(value: float, text: str) -> None:
    attributes = [KeyValue(key="n", value=AnyValue(double_value=value))]
    assert decoded(request_of(a_span(attributes=attributes)))[0]["span_attr:n"] == text


def test_tenants_and_times_are_those_of_the_request() -> None:
    data = request_of(a_span(), a_span()).SerializeToString()
    table = decode([data, data], [7, 9], [NOW, NOW + 1]).table
    assert table.column("^0tenant").to_pylist() == [7, 7, 9, 9]
    assert table.column("_time").to_pylist() == [NOW, NOW, NOW + 1, NOW + 1]
