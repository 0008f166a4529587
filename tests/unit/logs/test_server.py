"""The server over HTTP: what clients send and get."""

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import cramjam
import pytest
import zstandard
from tests.unit.logs.serving import STREAM, Running, serving

from staddle.logs.insert import protobuf
from staddle.logs.insert.syslog_server import start_syslog

LINE = b'{"_time":"2026-11-22T00:00:01Z","_msg":"hello","app":"a"}\n'
NS = 1_795_305_601_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("server"), "-defaultMsgValue=none") as running:
        yield running


tenants = iter(range(100, 10_000))


@pytest.fixture
def tenant() -> int:
    return next(tenants)


ENCODINGS = {
    "": lambda b: b,
    "identity": lambda b: b,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "snappy": lambda b: bytes(cramjam.snappy.compress_raw(b)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("chunked", [False, True])
def test_content_encodings(server: Running, tenant: int, encoding: str, chunked: bool) -> None:
    data = ENCODINGS[encoding](LINE * 50)  # type: ignore[no-untyped-call]
    body = iter([data[i : i + 100] for i in range(0, len(data), 100)]) if chunked else data
    headers = {**STREAM, "AccountID": str(tenant), "Content-Encoding": encoding}
    assert server.request("POST", "/insert/jsonline", body, headers)[0] == 200
    assert len(server.rows("hello", tenant)) == 50


def test_a_request_may_have_no_last_newline_and_more_than_a_buffer(server: Running, tenant: int) -> None:
    body = (LINE * 100_000)[:-1]
    assert server.request("POST", "/insert/jsonline", body, {**STREAM, "AccountID": str(tenant)})[0] == 200
    assert server.rows("* | count() n", tenant) == [{"n": "100000"}]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (LINE + b"bad\n", 200),
        (b"bad\n" + LINE, 200),
        (b"bad\n", 400),
        (b"", 200),
        (b'{"_time":"never"}\n', 400),
        (b"\n\n", 200),
    ],
)
def test_only_requests_without_any_good_line_fail(server: Running, body: bytes, status: int) -> None:
    assert server.request("POST", "/insert/jsonline", body, STREAM)[0] == status


def test_common_arguments_by_header_and_query(server: Running, tenant: int) -> None:
    headers = {
        **STREAM,
        "AccountID": str(tenant),
        "VL-Msg-Field": "m",
        "VL-Time-Field": "t",
        "VL-Stream-Fields": "wrong",
        "VL-Extra-Fields": "dc=eu",
        "VL-Ignore-Fields": "secret*",
    }
    row = {"m": "text", "t": "1795305601", "host": "h1", "secret_key": "x", "o": {"k": 1.50}}
    path = "/insert/jsonline?_stream_fields=host,dc"
    assert server.request("POST", path, json.dumps(row).encode(), headers)[0] == 200
    [got] = server.rows("*", tenant)
    assert got.pop("_stream_id").startswith(f"{tenant:08x}00000000")
    assert got == {
        "_time": "2026-11-22T00:00:01Z",
        "_stream": '{dc="eu",host="h1"}',
        "_msg": "text",
        "host": "h1",
        "dc": "eu",
        "o.k": "1.5",
    }


def test_debug_requests_store_nothing(server: Running, tenant: int) -> None:
    server.request("POST", "/insert/jsonline?debug=1", LINE, {**STREAM, "AccountID": str(tenant)})
    assert server.rows("*", tenant) == []


def push(tag: int, data: bytes) -> bytes:
    out, size = bytearray([tag << 3 | 2]), len(data)
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes(out) + bytes([size]) + data


def number(tag: int, value: int) -> bytes:
    out = bytearray([tag << 3])
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def test_loki_protobuf(server: Running, tenant: int) -> None:
    stamp = number(1, NS // 10**9) + number(2, 5)
    entry = push(1, stamp) + push(2, b'{"msg":"parsed","n":1}') + push(3, push(1, b"trace") + push(2, b"t1"))
    stream = push(1, b'{app="a b", env="p\\"q"}') + push(2, entry) + push(2, push(1, stamp) + push(2, b"plain"))
    body = bytes(cramjam.snappy.compress_raw(push(1, stream)))
    headers = {"Content-Type": "application/x-protobuf", "AccountID": str(tenant), "VL-Msg-Field": "msg"}
    assert server.request("POST", "/insert/loki/api/v1/push", body, headers)[0] == 204
    rows = {r["_msg"]: r for r in server.rows("*", tenant)}
    assert rows["parsed"]["n"] == "1"
    assert rows["parsed"]["trace"] == "t1"
    assert rows["plain"]["_time"] == "2026-11-22T00:00:01.000000005Z"
    assert rows["plain"]["_stream"] == '{app="a b",env="p\\"q"}'


def test_otlp(server: Running, tenant: int) -> None:
    def attribute(key: bytes, value: bytes) -> bytes:
        return push(1, key) + push(2, value)

    record = (
        b"\x09"
        + struct.pack("<Q", NS)
        + number(2, 17)
        + push(5, push(1, b"it failed"))
        + push(6, attribute(b"n", number(3, 7)))
        + push(6, attribute(b"m", push(6, push(1, attribute(b"x", number(2, 1))))))
        + push(9, bytes(range(16)))
    )
    resource = push(1, attribute(b"service.name", push(1, b"pay")))
    body = push(1, push(1, resource) + push(2, push(2, record)))
    headers = {"Content-Type": "application/x-protobuf", "AccountID": str(tenant)}
    assert server.request("POST", "/insert/opentelemetry/v1/logs", body, headers)[0] == 200
    [row] = server.rows("* | delete _stream_id", tenant)
    assert row == {
        "_time": "2026-11-22T00:00:01Z",
        "_stream": '{service.name="pay"}',
        "_msg": "it failed",
        "service.name": "pay",
        "severity": "Error",
        "n": "7",
        "m.x": "true",
        "trace_id": bytes(range(16)).hex(),
    }
    assert (
        server.request("POST", "/insert/opentelemetry/v1/logs", b"{}", {"Content-Type": "application/json"})[0] == 400
    )


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b", b"\xff" * 12])
def test_malformed_protobuf_is_refused(server: Running, data: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "identity"}
    for path in ("/insert/opentelemetry/v1/logs", "/insert/loki/api/v1/push"):
        assert server.request("POST", path, data, headers)[0] == 400
    with pytest.raises(Exception, match="protobuf"):
        list(protobuf.fields(memoryview(data)))


def test_journald_with_binary_fields(server: Running, tenant: int) -> None:
    text = b"two\nlines"
    body = (
        b"__CURSOR=x\n__REALTIME_TIMESTAMP=%d\nPRIORITY=3\n_HOSTNAME=h\nMESSAGE\n%b%b\n\n__REALTIME_TIMESTAMP=%d\nMESSAGE=second\n"
        % (NS // 1000, struct.pack("<Q", len(text)), text, NS // 1000)
    )
    headers = {"Content-Type": "application/vnd.fdo.journal", "AccountID": str(tenant)}
    assert server.request("POST", "/insert/journald/upload", body, headers)[0] == 200
    rows = {r["_msg"]: r for r in server.rows("* | delete _stream_id", tenant)}
    assert rows["two\nlines"] == {
        "_time": "2026-11-22T00:00:01Z",
        "_stream": '{_HOSTNAME="h"}',
        "_msg": "two\nlines",
        "PRIORITY": "3",
        "level": "error",
        "_HOSTNAME": "h",
    }
    assert "second" in rows


def test_syslog_over_tcp_and_udp(server: Running) -> None:
    from staddle.logs.flags import Flags
    from staddle.logs.settings import FLAGS

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    flags = Flags(
        FLAGS,
        [
            f"-syslog.listenAddr.tcp={address}",
            f"-syslog.listenAddr.udp={address}",
            "-syslog.tenantID.tcp=77",
            "-syslog.tenantID.udp=77",
        ],
        {},
    )
    listener = start_syslog(flags, server.app.sink, server.app.defaults)
    try:
        message = b'<165>1 2026-11-22T00:00:01.000003Z web1 app 42 ID47 [x@1 k="v"] it works'
        with socket.create_connection(("127.0.0.1", port)) as tcp:
            tcp.sendall(b"%d %b" % (len(message), message) + message + b"\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(message, ("127.0.0.1", port))
        deadline = time.monotonic() + 10
        while len(rows := server.rows('"it works"', 77)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        listener.close()
    assert len(rows) == 3
    assert rows[0]["_stream"] == '{app_name="app",hostname="web1",proc_id="42"}'
    assert rows[0]["_time"] == "2026-11-22T00:00:01.000003Z"


def many(server: Running, tenant: int, count: int = 300) -> None:
    rows = [{"_time": f"{1795305600 + i}", "_msg": f"row {i}", "app": "ab"[i % 2], "n": i} for i in range(count)]
    assert server.insert(rows, AccountID=str(tenant)) == 200


@pytest.mark.parametrize(
    "query", ["*", "row", "row | fields _time, n", "* | filter app:a | format '<n>' as x", "app:i(A)"]
)
def test_limit_gives_the_newest_rows_in_order(server: Running, tenant: int, query: str) -> None:
    many(server, tenant)
    everything = sorted(server.rows(query, tenant), key=lambda r: r["_time"])
    assert server.rows(query, tenant, limit="7") == everything[-7:]


def test_tail_shows_new_rows_once_and_in_order(server: Running, tenant: int) -> None:
    target = "/select/logsql/tail?query=row&refresh_interval=50ms&offset=0s"
    body = f"POST {target} HTTP/1.1\r\nHost: x\r\nAccountID: {tenant}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(body.encode())
        sent = []
        for i in range(4):
            time.sleep(0.15)
            sent.append(f"row {i}")
            server.insert([{"_msg": sent[-1], "app": "a"}], AccountID=str(tenant))
        time.sleep(0.3)
        sock.settimeout(1)
        data = b""
        while data.count(b"row") < 4:
            data += sock.recv(65536)
    found = [json.loads(x)["_msg"] for x in data.split(b"\r\n") if x.startswith(b"{")]
    assert found == sent
    assert server.ask("tail", query="* | sort by (x)")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/ping", 204),
        ("GET", "/-/ready", 200),
        ("GET", "/metrics", 200),
        ("GET", "/flags", 200),
        ("GET", "/", 200),
        ("GET", "/nope", 400),
        ("GET", "/insert/jsonline", 405),
        ("GET", "/select/logsql/query", 400),
        ("GET", "/select/logsql/query?query=%2A%20%7C", 400),
        ("GET", "//insert//ready", 200),
        ("GET", "/select/logsql/facets?query=*", 200),
        ("GET", "/select/logsql/field_names?query=*", 200),
        ("GET", "/select/logsql/stream_ids?query=*", 200),
        ("GET", "/select/logsql/stream_field_names?query=*", 200),
        ("GET", "/select/logsql/stream_field_values?query=*&field=app", 200),
        ("GET", "/select/logsql/stats_query?query=*", 422),
        ("GET", "/select/logsql/stats_query?query=*%7Ccount()", 200),
        ("GET", "/select/vmui?x=1", 302),
        ("GET", "/internal/force_merge", 200),
    ],
)
def test_paths(server: Running, method: str, path: str, status: int) -> None:
    assert server.request(method, path)[0] == status


def test_large_answers_are_compressed_on_request(server: Running, tenant: int) -> None:
    many(server, tenant)
    headers = {"AccountID": str(tenant), "Accept-Encoding": "gzip"}
    _, head, body = server.request("GET", "/select/logsql/query?query=*", None, headers)
    assert head["content-encoding"] == "gzip"
    assert gzip.decompress(body).count(b"\n") == 300


def test_concurrent_queries_wait_their_turn(server: Running, tenant: int) -> None:
    many(server, tenant)
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(server.ask("query", tenant, query="* | stats by (n) count()")[0])
        )
        for _ in range(40)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses == [200] * 40


def test_prefix_and_auth(tmp_path: Path) -> None:
    with serving(tmp_path, "-http.pathPrefix=/vl", "-httpAuth.username=u", "-httpAuth.password=p") as server:
        good = {"Authorization": "Basic dTpw"}
        assert server.request("GET", "/vl/health", None, good)[0] == 200
        assert server.request("GET", "/health", None, good)[0] == 400
        assert server.request("GET", "/vl", None, good)[1]["location"] == "/vl/"
        assert server.request("GET", "/vl/metrics")[0] == 401
