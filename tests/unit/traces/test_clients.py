"""OpenTelemetry's own Python client, with each of its exporters, and a consumer of Jaeger's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode
from tests.unit.logs.serving import Running, serving

from staddle.traces import main
from staddle.traces.otlp_grpc import GrpcListener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Running, int]]:
    """A server, and the port where it takes gRPC."""
    with serving(tmp_path, "-otlpGRPCListenAddr=127.0.0.1:0", program=main.PROGRAM) as made:
        listener = next(x for x in made.instance.listeners if isinstance(x, GrpcListener))
        yield made, listener.port


def exporter_for(kind: str, http: int, grpc: int) -> SpanExporter:
    url = f"http://127.0.0.1:{http}/insert/opentelemetry/v1/traces"
    match kind:
        case "json":
            return JsonExporter(endpoint=url)
        case "grpc":
            return GrpcExporter(endpoint=f"127.0.0.1:{grpc}", insecure=True)
    return ProtobufExporter(endpoint=url)


@pytest.mark.parametrize("kind", ["protobuf", "json", "grpc"])
def test_an_instrumented_program_finds_its_trace(server: tuple[Running, int], kind: str) -> None:
    running, grpc = server
    provider = TracerProvider(resource=Resource({"service.name": "app", "ins": "app-1", "cls": "app"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter_for(kind, running.port, grpc)))
    tracer = provider.get_tracer("tests", "1.2")
    with tracer.start_as_current_span("earlier") as earlier:
        linked = earlier.get_span_context()
    with tracer.start_as_current_span("request", kind=SpanKind.SERVER, links=[Link(linked)]) as root:
        root.set_attributes({"http.response.status_code": 500, "tags": ["a", "b"], "ratio": 0.5, "cached": False})
        with tracer.start_as_current_span("query", kind=SpanKind.CLIENT) as query:
            query.add_event("retry", {"attempt": 2})
            query.set_status(StatusCode.ERROR, "deadlock detected")
    provider.shutdown()

    trace_id = f"{root.get_span_context().trace_id:032x}"
    status, _, body = running.request("GET", f"/select/jaeger/api/traces/{trace_id}")
    (trace,) = json.loads(body)["data"]
    assert status == 200
    spans = {s["operationName"]: s for s in trace["spans"]}
    assert set(spans) == {"request", "query"}
    tags = {t["key"]: t["value"] for t in spans["request"]["tags"]}
    assert tags.items() >= {
        "http.response.status_code": "500", "tags": '["a","b"]', "ratio": "0.5", "cached": "false",
        "span.kind": "server", "error": "unset", "otel.scope.name": "tests", "otel.scope.version": "1.2",
    }.items()  # fmt: skip
    assert spans["request"]["references"] == [
        {"refType": "FOLLOWS_FROM", "spanID": f"{linked.span_id:016x}", "traceID": f"{linked.trace_id:032x}"}
    ]
    (event,) = spans["query"]["logs"]
    assert {f["key"]: f["value"] for f in event["fields"]} == {"event": "retry", "attempt": "2"}
    assert {t["key"]: t["value"] for t in spans["query"]["tags"]}["otel.status_description"] == "deadlock detected"
    (process,) = trace["processes"].values()
    assert process["serviceName"] == "app"
    assert {t["key"]: t["value"] for t in process["tags"]}.items() >= {"ins": "app-1", "cls": "app"}.items()


def test_grpc_refuses_what_it_can_not_read(server: tuple[Running, int]) -> None:
    import grpc

    _, port = server
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\x0a\xff", timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "malformed protobuf" in caught.value.details()
