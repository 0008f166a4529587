"""Traces through the portal: what an instrumented program sends is found by Jaeger's API, LogsQL, and as metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from tests.sandbox.stack import wait_for

if TYPE_CHECKING:
    from tests.sandbox.stack import Stack


@pytest.fixture(autouse=True)
def only_our_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests`, which the protobuf exporter uses, heeds these more than what it is told."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def jaeger(stack: Stack, path: str, **arguments: str) -> Any:
    answer = stack.get(f"/vtraces/select/jaeger/api/{path}?{urlencode(arguments)}")
    assert answer.status == 200, answer.text
    return answer.json()["data"]


def instrumented(stack: Stack, exporter: type[Any], service: str) -> str:
    """A program with a request, a failing query inside, and a call between services; the id of its trace."""
    endpoint = f"https://localhost:{stack.port(8443)}/vtraces/insert/opentelemetry/v1/traces"

    def provider(name: str) -> TracerProvider:
        made = TracerProvider(resource=Resource({"service.name": name, "job": "app", "cls": name, "ins": f"{name}-1"}))
        made.add_span_processor(BatchSpanProcessor(exporter(endpoint=endpoint, certificate_file=str(stack.ca))))
        return made

    front, back = provider(service), provider(f"{service}-db")
    with front.get_tracer("tests").start_as_current_span("GET /cart", kind=SpanKind.SERVER) as root:
        tracer = back.get_tracer("tests")
        with tracer.start_as_current_span("SELECT carts", kind=SpanKind.CLIENT) as query:
            query.set_attribute("db.query.text", "SELECT * FROM carts WHERE id = $1")
            query.set_status(StatusCode.ERROR, "deadlock detected")
    for one in (front, back):
        assert one.force_flush()
        one.shutdown()
    return f"{root.get_span_context().trace_id:032x}"


@pytest.mark.parametrize(
    ("exporter", "service"),
    [(ProtobufExporter, "shop-protobuf"), (JsonExporter, "shop-json")],
    ids=["protobuf", "json"],
)
def test_a_trace_through_the_portal(stack: Stack, exporter: type[Any], service: str) -> None:
    trace_id = instrumented(stack, exporter, service)
    # As Grafana's data source and Jaeger's own page ask.
    assert service in jaeger(stack, "services")
    assert jaeger(stack, f"services/{service}/operations") == ["GET /cart"]
    (trace,) = jaeger(stack, f"traces/{trace_id}")
    assert {s["operationName"] for s in trace["spans"]} == {"GET /cart", "SELECT carts"}
    (found,) = jaeger(stack, "traces", service=f"{service}-db", tags=json.dumps({"error": "true"}), limit="5")
    assert found["traceID"] == trace_id
    calls = jaeger(stack, "dependencies", lookback="3600000")
    assert {"parent": service, "child": f"{service}-db", "callCount": 1} in calls
    rows = stack.get(
        f"/vtraces/select/logsql/query?query={quote(f'trace_id:={trace_id} | fields name, status_message | sort by (name)')}"
    )
    assert [json.loads(line) for line in rows.text.splitlines()] == [
        {"name": "GET /cart"}, {"name": "SELECT carts", "status_message": "deadlock detected"},
    ]  # fmt: skip


def test_operations_become_metrics(stack: Stack) -> None:
    instrumented(stack, ProtobufExporter, "shop-metrics")
    query = 'traces_span_metrics_calls_total{ins="vtraces-1",service_name="shop-metrics-db",status_code="STATUS_CODE_ERROR"}'
    (series,) = wait_for("the counter", lambda: stack.query(query))
    assert series["metric"]["span_name"] == "SELECT carts"
    buckets = 'traces_span_metrics_duration_seconds_bucket{service_name="shop-metrics"}'
    wait_for("the histogram", lambda: stack.query(f"histogram_quantile(0.9, {buckets})"))


def test_the_page_is_where_the_card_leads(stack: Stack) -> None:
    answer = stack.get("/vtraces/")
    assert answer.status in {301, 302}
    assert answer.headers["location"].endswith("/vtraces/select/vmui/")
    assert "<title>Traces</title>" in stack.get("/vtraces/select/vmui/").text
