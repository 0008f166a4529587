"""The trace server, asked over HTTP: what clients send comes back as Jaeger's API and LogsQL show it."""

from __future__ import annotations

import gzip
import json
import time
import urllib.parse
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tests.sandbox.stack import wait_for
from tests.unit.logs.serving import Running, serving

from staddle.traces.main import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATH = "/insert/opentelemetry/v1/traces"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
MS = 1_000_000
NOW = time.time_ns() // MS * MS


def pairs(values: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in values.items()]


def span(trace: int, number: int, name: str, *, parent: int = 0, at_ms: int = 0, ms: int = 10, **more: Any) -> Span:
    """A span of a trace, both told apart by small numbers; it begins `at_ms` after NOW (minus an hour)."""
    begin = NOW - 3_600_000 * MS + at_ms * MS
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace << 16 | number).to_bytes(8, "big"),
        parent_span_id=(trace << 16 | parent).to_bytes(8, "big") if parent else b"",
        name=name,
        start_time_unix_nano=begin,
        end_time_unix_nano=begin + ms * MS,
        **more,
    )


def of_service(name: str, *spans: Span, **attributes: str) -> ResourceSpans:
    resource = Resource(attributes=pairs({"service.name": name, **attributes}))
    return ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])


SHOP = ExportTraceServiceRequest(
    resource_spans=[
        of_service(
            "web",
            *(span(n, 1, "GET /cart", at_ms=1000 * n, ms=10 * n, kind=Span.SPAN_KIND_SERVER) for n in range(1, 6)),
            span(9, 1, "GET /pay", at_ms=500, status=Status(code=Status.STATUS_CODE_ERROR, message="declined")),
            ins="web-1",
        ),
        of_service(
            "shop",
            *(
                span(n, 2, "load cart", parent=1, at_ms=1000 * n, ms=5, attributes=pairs({"user": f"u{n % 2}"}))
                for n in range(1, 6)
            ),
        ),
    ]
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the traces of SHOP."""
    with serving(tmp_path_factory.mktemp("traces"), "-servicegraph.enableTask", program=PROGRAM) as server:
        assert server.request("POST", PATH, SHOP.SerializeToString(), PROTOBUF)[0] == 200
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path, program=PROGRAM) as made:
        yield made


def jaeger(server: Running, path: str, **arguments: str) -> Any:
    query = f"?{urllib.parse.urlencode(arguments)}" if arguments else ""
    status, headers, body = server.request("GET", f"/select/jaeger/api/{path}{query}")
    assert (status, headers["content-type"]) == (200, "application/json"), body
    return json.loads(body)["data"]


def found(server: Running, **arguments: str) -> list[int]:
    """The numbers of the traces that a search finds."""
    return [int(t["traceID"], 16) for t in jaeger(server, "traces", **{"service": "web", **arguments})]


# --- asking


def test_services_and_operations_are_listed(shop: Running) -> None:
    assert jaeger(shop, "services") == ["shop", "web"]
    assert jaeger(shop, "services/web/operations") == ["GET /cart", "GET /pay"]
    assert jaeger(shop, "operations", service="web") == [
        {"name": "GET /cart", "spanKind": ""}, {"name": "GET /pay", "spanKind": ""},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "traces"),
    [
        ({}, [5, 4, 3, 2, 1, 9]),
        ({"limit": "2"}, [5, 4]),
        ({"operation": "GET /pay"}, [9]),
        ({"minDuration": "30ms"}, [5, 4, 3]),
        ({"minDuration": "30ms", "maxDuration": "0.04s"}, [4, 3]),
        ({"tags": '{"error":"true"}'}, [9]),
        ({"tags": '{"span.kind":"server"}', "limit": "1"}, [5]),
        ({"tags": '{"resource_attr:ins":"web-1"}', "limit": "1"}, [5]),
        ({"service": "shop", "tags": '{"user":"u0"}'}, [4, 2]),
        ({"service": "shop", "tag": "user:u1"}, [5, 3, 1]),
        ({"service": "nobody"}, []),
        ({"end": str((NOW - 3_597_000 * MS) // 1000)}, [2, 1, 9]),
        ({"start": str((NOW - 3_597_000 * MS) // 1000)}, [5, 4, 3]),
    ],
)
def test_a_search_finds_the_newest_traces_that_match(
    shop: Running, arguments: dict[str, str], traces: list[int]
) -> None:
    assert found(shop, **arguments) == traces


def test_a_trace_comes_whole_with_its_processes(shop: Running) -> None:
    (trace,) = jaeger(shop, f"traces/{3:032x}")
    by_name = {s["operationName"]: s for s in trace["spans"]}
    child, root = by_name["load cart"], by_name["GET /cart"]
    assert root["references"] == []
    assert child["references"] == [{"refType": "CHILD_OF", "spanID": root["spanID"], "traceID": root["traceID"]}]
    assert (root["duration"], root["startTime"]) == (30_000, (NOW - 3_597_000 * MS) // 1000)
    assert trace["processes"][root["processID"]] == {
        "serviceName": "web", "tags": [{"key": "ins", "type": "string", "value": "web-1"}],
    }  # fmt: skip
    assert {"key": "user", "type": "string", "value": "u1"} in child["tags"]


@pytest.mark.parametrize("trace", ["0" * 31 + "3", "3", "0" * 16 + "3".rjust(16, "0")])
def test_ids_may_lack_their_zeros(shop: Running, trace: str) -> None:
    assert len(jaeger(shop, f"traces/{trace}")) == 1


@pytest.mark.parametrize("trace", ["f" * 32, "nonsense", "1" * 40])
def test_an_unknown_trace_is_no_error(shop: Running, trace: str) -> None:
    assert jaeger(shop, f"traces/{trace}") == []


def test_dependencies_count_calls_between_services(shop: Running) -> None:
    assert jaeger(shop, "dependencies", endTs=str(NOW // MS), lookback="7200000") == [
        {"parent": "web", "child": "shop", "callCount": 5}
    ]
    assert jaeger(shop, "dependencies", endTs=str(NOW // MS), lookback="1000") == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("traces", "service name is required"),
        ("traces?service=x&limit=1001", "limit should be not higher than 1000"),
        ("traces?service=x&limit=many", "cannot parse limit [many]"),
        ("traces?service=x&start=yesterday", "cannot parse start [yesterday]"),
        ("traces?service=x&minDuration=5", 'cannot parse minDuration [5]: time: missing unit in duration "5"'),
        ("traces?service=x&maxDuration=x", 'cannot parse maxDuration [x]: time: invalid duration "x"'),
        ("traces?service=x&tags=x", "cannot parse tags [x]"),
        ("traces?service=x&tags=[]", "want a JSON object of strings"),
        ("nothing", "unsupported path requested"),
    ],
)
def test_wrong_questions_are_refused(shop: Running, path: str, message: str) -> None:
    status, headers, body = shop.request("GET", f"/select/jaeger/api/{path}")
    assert (status, headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert message in body.decode()


def test_logsql_sees_spans_as_rows(shop: Running) -> None:
    rows = shop.rows('status_code:=2 | fields name, duration, start_time_unix_nano, "resource_attr:service.name"')
    begin = NOW - 3_600_000 * MS + 500 * MS
    assert rows == [
        {
            "name": "GET /pay",
            "duration": str(10 * MS),
            "start_time_unix_nano": str(begin),
            "resource_attr:service.name": "web",
        }
    ]
    assert shop.rows("duration:>=40000000 | count() n") == [{"n": "2"}]
    (top,) = shop.rows('"resource_attr:service.name":=web | stats max(duration) longest')
    assert top == {"longest": str(50 * MS)}


def test_rates_errors_and_durations_are_counted(shop: Running) -> None:
    lines = shop.request("GET", "/metrics")[2].decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines)
    labels = 'service_name="web",span_name="GET /cart",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"'
    assert values[f"traces_span_metrics_calls_total{{{labels}}}"] == "5"
    assert float(values[f"traces_span_metrics_duration_seconds_sum{{{labels}}}"]) == pytest.approx(0.15)
    buckets = {
        le: values[f'traces_span_metrics_duration_seconds_bucket{{{labels},le="{le}"}}']
        for le in ("0.008", "0.01", "0.05", "+Inf")
    }
    assert buckets == {"0.008": "0", "0.01": "1", "0.05": "5", "+Inf": "5"}
    assert values['vt_rows_ingested_total{type="opentelemetry_protobuf"}'] == "11"


def test_names_beyond_the_limit_are_counted_together(tmp_path: Path) -> None:
    with serving(tmp_path, "-spanmetrics.maxOperations=1", program=PROGRAM) as server:
        server.request("POST", PATH, SHOP.SerializeToString(), PROTOBUF)
        server.store.flush()

        def names() -> set[str]:
            lines = server.request("GET", "/metrics")[2].decode().splitlines()
            return {line.split('span_name="')[1].split('"')[0] for line in lines if "span_name=" in line}

        # They are counted just after they are stored.
        wait_for("two names", lambda: len(names()) == 2)
        assert "other" in names()


# --- sending


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "": bytes,
}


@pytest.mark.parametrize("coding", COMPRESSED)
@pytest.mark.parametrize("path", [PATH, "/v1/traces"])
def test_spans_come_in_any_encoding(server: Running, coding: str, path: str) -> None:
    body = COMPRESSED[coding](SHOP.SerializeToString())
    status, headers, reply = server.request("POST", path, body, {**PROTOBUF, "Content-Encoding": coding})
    assert (status, headers["content-type"], reply) == (200, "application/x-protobuf", b"")
    assert server.count() == 11


def test_json_is_answered_in_json(server: Running) -> None:
    text = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "x",
        "startTimeUnixNano": str(NOW),
        "endTimeUnixNano": NOW,
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [text, {**text, "spanId": ""}]}]}]}).encode()
    status, headers, reply = server.request("POST", PATH, body, JSON)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(reply)["partialSuccess"]["rejectedSpans"] == "1"
    assert server.count() == 1
    assert server.request("POST", PATH, b"{}", JSON)[2] == b"{}"


def test_a_partial_success_says_how_many_were_left_out(server: Running) -> None:
    spans = [span(1, 1, "good"), Span(name="no ids")]
    request = ExportTraceServiceRequest(resource_spans=[of_service("x", *spans)])
    status, _, reply = server.request("POST", PATH, request.SerializeToString(), PROTOBUF)
    answer = ExportTraceServiceResponse.FromString(reply)
    assert (status, answer.partial_success.rejected_spans) == (200, 1)
    assert "without a valid trace id" in answer.partial_success.error_message
    assert server.count() == 1


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (PROTOBUF, b"\x0a\xff", 400, 3),
        ({**PROTOBUF, "Content-Encoding": "gzip"}, b"not gzip", 400, 3),
        ({"Content-Type": "text/plain"}, b"", 415, 3),
    ],
)
def test_errors_are_status_messages(
    server: Running, headers: dict[str, str], body: bytes, status: int, code: int
) -> None:
    from google.rpc.status_pb2 import Status as RpcStatus

    got, found_headers, reply = server.request("POST", PATH, body, headers)
    assert (got, found_headers["content-type"]) == (status, "application/x-protobuf")
    assert RpcStatus.FromString(reply).code == code
    assert RpcStatus.FromString(reply).message
    json_status, _, reply = server.request("POST", PATH, b"[]", JSON)
    assert (json_status, json.loads(reply)["code"]) == (400, 3)


def test_a_full_disk_is_told_so_that_clients_try_again(tmp_path: Path) -> None:
    with serving(tmp_path, "-storage.minFreeDiskSpaceBytes=1000TB", program=PROGRAM) as server:
        status, headers, _ = server.request("POST", PATH, SHOP.SerializeToString(), PROTOBUF)
        assert (status, headers["retry-after"]) == (429, "5")


def test_spans_outside_the_retention_are_dropped_and_counted(tmp_path: Path) -> None:
    with serving(tmp_path, "-retentionPeriod=1d", program=PROGRAM) as server:
        old = Span(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=1, end_time_unix_nano=2)
        request = ExportTraceServiceRequest(resource_spans=[of_service("x", old, span(1, 1, "new"))])
        server.request("POST", PATH, request.SerializeToString(), PROTOBUF)
        assert server.count() == 1
        metrics = server.request("GET", "/metrics")[2].decode()
        assert 'vt_rows_dropped_total{reason="too_small_or_big_timestamp"} 1\n' in metrics


def test_tenants_do_not_see_each_other(server: Running) -> None:
    server.request("POST", PATH, SHOP.SerializeToString(), {**PROTOBUF, "AccountID": "7"})
    assert jaeger(server, "services") == []
    _, _, body = server.request("GET", "/select/jaeger/api/services", headers={"AccountID": "7"})
    assert json.loads(body)["data"] == ["shop", "web"]
    assert server.rows("* | count() n", tenant=7 << 0) == [{"n": "11"}]


def test_arguments_add_and_leave_out_fields(server: Running) -> None:
    path = f"{PATH}?_stream_fields=resource_attr:ins&extra_fields=site=berlin&ignore_fields=span_attr:*"
    server.request("POST", path, SHOP.SerializeToString(), PROTOBUF)
    (row,) = server.rows('name:="GET /pay" | fields _stream, site')
    assert row == {
        "_stream": '{name="GET /pay",resource_attr:ins="web-1",resource_attr:service.name="web"}',
        "site": "berlin",
    }
    assert server.count('"span_attr:user":*') == 0


# --- storing


def test_a_trace_is_found_over_parts_before_and_after_merging(server: Running) -> None:
    for _ in range(2):
        for number, (service, name) in enumerate([("web", "GET /"), ("shop", "list"), ("db", "select")], 1):
            one = span(77, number, name, parent=number - 1, at_ms=number)
            request = ExportTraceServiceRequest(resource_spans=[of_service(service, one)])
            server.request("POST", PATH, request.SerializeToString(), PROTOBUF)
            server.store.flush()
    assert len(server.store.manifest.parts) > 1
    before = jaeger(server, f"traces/{77:032x}")
    assert len(before[0]["spans"]) == 6
    server.store.merge_all()
    deadline = time.monotonic() + 60
    while len(server.store.manifest.parts) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    after = jaeger(server, f"traces/{77:032x}")
    assert len(server.store.manifest.parts) == 1
    assert sorted(s["spanID"] for s in after[0]["spans"]) == sorted(s["spanID"] for s in before[0]["spans"])
    assert {p.suffix for p in server.store.options.folder.joinpath("parts").iterdir()} == {
        ".parquet",
        ".index",
        ".json",
    }


def test_a_lookup_reads_only_where_the_trace_is(shop: Running) -> None:
    from staddle.traces.traceindex import TraceIndex

    with shop.store.snapshot() as snapshot:
        places = TraceIndex().find(snapshot, snapshot.parts, [f"{3:032x}"])
        assert [(p.high - p.low) // 1_000_000_000 for p in places] == [0]
        assert TraceIndex().find(snapshot, snapshot.parts, ["f" * 32]) == []
