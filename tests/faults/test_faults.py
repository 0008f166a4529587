"""Full disks, damaged files, hostile bodies and many clients at once."""

import errno
import json
import os
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.logs.serving import STREAM, Running, serving

from staddle import otlp
from staddle.store import store as store_module
from staddle.store.errors import ReadOnlyError
from staddle.store.wal import WriteAheadLog, read_segment, segment_path
from staddle.traces.main import PROGRAM as TRACES


def rows(first: int, count: int) -> list[dict[str, str]]:
    return [
        {"_time": f"2026-11-22T00:00:00.{i % 1000:03d}Z", "_msg": f"row {i}", "app": "a", "id": str(i)}
        for i in range(first, first + count)
    ]


def wait_for(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_full_disk_refuses_inserts_serves_reads_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as server:
        assert server.insert(rows(0, 10)) == 200
        free = store_module.free_bytes
        monkeypatch.setattr(store_module, "free_bytes", lambda _folder: 1000)
        wait_for(lambda: server.store.read_only)
        status, _, body = server.request("POST", "/insert/jsonline", b'{"_msg":"x"}\n', STREAM)
        assert (status, b"read-only" in body) == (429, True)
        assert server.count() == 10
        monkeypatch.setattr(store_module, "free_bytes", free)
        wait_for(lambda: not server.store.read_only)
        assert server.insert(rows(10, 5)) == 200
        assert server.count() == 15


@pytest.mark.parametrize("written", [0, 10, 200])
def test_a_batch_that_the_disk_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    wal = WriteAheadLog(tmp_path, 1, segment_bytes=1 << 20, fsync_always=True)
    wal.append(0, "{}", b"first\n")
    writev, write = os.writev, os.write

    def short(fd: int, parts: list[bytes]) -> int:
        return write(fd, b"".join(map(bytes, parts))[:written])

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", short)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ReadOnlyError):
        wal.append(0, "{}", b"x" * 1000 + b"\n")
    monkeypatch.setattr(os, "writev", writev)
    monkeypatch.setattr(os, "write", write)
    wal.append(0, "{}", b"second\n")
    [seq] = wal.seal()
    assert [bytes(r.payload) for r in read_segment(segment_path(tmp_path, seq))] == [b"first\n", b"second\n"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "garbage", "empty"])
def test_a_damaged_log_tail_costs_only_itself(tmp_path: Path, damage: str) -> None:
    wal = WriteAheadLog(tmp_path / "wal", 1, segment_bytes=1 << 20, fsync_always=False)
    from staddle.store.rowformat import RowFormat

    for i in range(3):
        payload = "".join(json.dumps(r) + "\n" for r in rows(10 * i, 10)).encode()
        wal.append(0, RowFormat().dump(), payload)
    wal.close()
    path = segment_path(tmp_path / "wal", 1)
    data = bytearray(path.read_bytes())
    match damage:
        case "truncate":
            del data[-25:]
        case "flip":
            data[-25] ^= 1
        case "garbage":
            data += os.urandom(100)
        case "empty":
            segment_path(tmp_path / "wal", 2).write_bytes(b"")
    path.write_bytes(data)
    with serving(tmp_path) as server:
        assert server.count() == (20 if damage in {"truncate", "flip"} else 30)
        assert server.store.counters["wal_problems"] == (0 if damage == "empty" else 1)
        assert server.insert(rows(100, 1)) == 200
        assert server.count() == (21 if damage in {"truncate", "flip"} else 31)


@pytest.mark.parametrize("damage", ["truncate", "middle", "missing"])
def test_a_damaged_part_is_reported_and_the_rest_served(tmp_path: Path, damage: str) -> None:
    with serving(tmp_path) as server:
        server.insert(rows(0, 2000))
        assert server.count() == 2000
        [part] = server.store.manifest.parts
        server.insert(rows(5000, 7))
        assert server.count() == 2007
    path = tmp_path / "parts" / f"{part.name}.parquet"
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "missing":
        path.unlink()
    else:
        data[100 : len(data) // 2] = bytes(len(data) // 2 - 100)
        path.write_bytes(data)
    with serving(tmp_path) as server:
        status, _ = server.ask("query", query="* | fields *")
        assert status == (500 if damage == "middle" else 200)
        assert server.count() == 7
        assert any(part.name in x for x in server.store.manifest.lost)


HOSTILE = {
    "binary": os.urandom(100_000),
    "no newline": b"x" * 9_000_000,
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "many keys": ("{" + ",".join(f'"k{i}":1' for i in range(5000)) + "}").encode(),
    "NULs": b"\0" * 1000 + b"\n",
    "half a surrogate": rb'{"_msg":"\ud800"}',
    "long name": b'{"' + b"n" * 5000 + b'":"v"}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_lines_never_hurt_the_server(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path) as server:
        status, _, _ = server.request("POST", "/insert/jsonline", HOSTILE[kind], STREAM)
        assert status in {200, 400}
        good = b'{"_time":"2026-11-22T00:00:00Z","_msg":"good"}\n'
        assert server.request("POST", "/insert/jsonline", good + HOSTILE[kind] + b"\n" + good, STREAM)[0] == 200
        assert len(server.rows("good")) == 2


def test_a_decompression_bomb_takes_no_memory(tmp_path: Path) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(bomb.compress(b"0" * (1 << 20)) for _ in range(200)) + bomb.flush()
    headers = {**STREAM, "Content-Encoding": "gzip"}
    with serving(tmp_path) as server:
        before = server.app.metrics.get('vl_bytes_ingested_total{type="jsonline"}')
        assert server.request("POST", "/insert/jsonline", data, headers)[0] in {200, 400}
        assert server.app.metrics.get('vl_bytes_ingested_total{type="jsonline"}') == before
        for path in (
            "/insert/loki/api/v1/push",
            "/insert/opentelemetry/v1/logs",
            "/insert/journald/upload",
            "/insert/datadog/api/v2/logs",
        ):
            kind = {"Content-Type": "application/vnd.fdo.journal" if "journald" in path else "application/x-protobuf"}
            assert server.request("POST", path, data, {**headers, **kind})[0] == 413


@pytest.mark.parametrize(
    "head",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /insert/jsonline HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_bad_http_is_refused(tmp_path: Path, head: bytes) -> None:
    with serving(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            try:
                sock.sendall(head)
                reply = sock.recv(1000)
            except ConnectionError:
                reply = b"HTTP/1.1 4"
            assert reply.startswith(b"HTTP/1.1 4")
        assert server.request("GET", "/health")[2] == b"OK"


def test_two_clients_insert_while_ten_query(tmp_path: Path) -> None:
    problems: list[str] = []
    with serving(tmp_path) as server:
        server.insert(rows(0, 500))
        done = threading.Event()

        def insert(server: Running, base: int) -> None:
            answers = {server.insert(rows(base + 100 * i, 100)) for i in range(30)}
            problems.extend(f"insert: {status}" for status in answers - {200})

        def query(server: Running, text: str) -> None:
            last = 0
            while not done.is_set():
                status, body = server.ask("query", query=text)
                if status != 200:
                    problems.append(body.decode())
                    return
                found = int(json.loads(body)["n"])
                if found < last:
                    problems.append(f"{found} rows after {last}")
                last = found

        texts = [
            "* | count() n",
            "row | count() n",
            "* | count_uniq(id) n",
            '{app="a"} | count() n',
            "id:>=0 | count() n",
        ] * 2
        readers = [threading.Thread(target=query, args=(server, t)) for t in texts]
        writers = [threading.Thread(target=insert, args=(server, base)) for base in (10_000, 50_000)]
        for thread in [*readers, *writers]:
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        for thread in readers:
            thread.join()
        assert not problems
        assert server.count() == 6500


# --- the trace store: the same store, asked through Jaeger's API


def spans(first: int, count: int) -> bytes:
    end = time.time_ns() - 60_000_000_000
    made = [
        otlp.Span(trace_id=f"{i:032x}", span_id=f"{i:016x}", name="op", start=end + i - 1000, end=end + i)
        for i in range(first, first + count)
    ]
    return otlp.request([({"service.name": "app"}, made)], "tests")


def send(server: Running, body: bytes) -> int:
    return server.request("POST", "/v1/traces", body, {"Content-Type": otlp.CONTENT_TYPE})[0]


def found(server: Running) -> tuple[int, int]:
    """Status of a search, and how many traces it finds."""
    status, _, body = server.request("GET", "/select/jaeger/api/traces?service=app&limit=1000")
    return status, len(json.loads(body)["data"]) if status == 200 else 0


def test_full_disk_refuses_spans_serves_traces_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, program=TRACES) as server:
        assert send(server, spans(1, 10)) == 200
        free = store_module.free_bytes
        monkeypatch.setattr(store_module, "free_bytes", lambda _folder: 1000)
        wait_for(lambda: server.store.read_only)
        assert send(server, spans(11, 10)) == 429
        assert found(server) == (200, 10)
        monkeypatch.setattr(store_module, "free_bytes", free)
        wait_for(lambda: not server.store.read_only)
        assert send(server, spans(11, 10)) == 200
        assert found(server) == (200, 20)


@pytest.mark.parametrize("damage", ["part", "index cut", "index gone"])
def test_damage_beside_traces_costs_only_what_is_lost(tmp_path: Path, damage: str) -> None:
    with serving(tmp_path, program=TRACES) as server:
        for first in (1, 501):
            assert send(server, spans(first, 400)) == 200
            assert found(server)[0] == 200
        parts = server.store.manifest.parts
        assert sum(p.rows for p in parts) == 800
    path = tmp_path / "parts" / (parts[0].name + (".parquet" if damage == "part" else ".index"))
    data = bytearray(path.read_bytes())
    if damage == "part":
        data[200:400] = b"\xff" * 200
        path.write_bytes(data)
    elif damage == "index cut":
        path.write_bytes(data[:-5])
    else:
        path.unlink()
    with serving(tmp_path, program=TRACES) as server:
        status, count = found(server)
        if damage == "part":
            assert status in {200, 500}
            assert found(server) == (200, 800 - parts[0].rows)
        else:
            assert (status, count) == (200, 800)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 24 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(path)]
    mount = subprocess.run(command, capture_output=True, text=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"can't mount a small file system here: {mount.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def fill(path: Path, leave: int) -> None:
    """Take all but so many bytes of the file system."""
    free = os.statvfs(path.parent)
    with path.open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize - leave)


def heavy_rows(first: int, count: int) -> list[dict[str, str]]:
    """A kilobyte each, of what doesn't compress."""
    return [row | {"_msg": os.urandom(500).hex()} for row in rows(first, count)]


@pytest.mark.parametrize("reserve", ["10MB", "0"])
def test_a_disk_that_is_really_full(small_disk: Path, reserve: str) -> None:
    """Filled by somebody else, faster than the reserve is looked at. Whatever is acknowledged is there afterwards, once."""
    flags = (f"-storage.minFreeDiskSpaceBytes={reserve}",)
    ballast, taken, full = small_disk / "ballast", 10, False
    with serving(small_disk / "data", *flags) as server:
        assert server.insert(rows(0, taken)) == 200
        assert server.store.flush()
        fill(ballast, leave=512 << 10)
        while not full:
            assert taken < 10_000, "no insert was refused"
            body = "".join(json.dumps(row) + "\n" for row in heavy_rows(taken, 100)).encode()
            status, _, answer = server.request("POST", "/insert/jsonline?_stream_fields=app", body, STREAM)
            full = status != 200
            taken += 0 if full else 100
        assert status == 429, answer
        assert b"No space left on device" in answer or b"read-only" in answer
        # What was taken last is in the log, and found once there is space for a part; all that is in parts is found now.
        assert 10 <= server.count() <= taken
        assert [row["id"] for row in server.rows("id:=7 | fields id")] == ["7"]
        assert 'vl_http_errors_total{path="/insert/jsonline"} 1' in server.request("GET", "/metrics")[2].decode()
        wait_for(lambda: server.store.read_only == (reserve != "0"))
        ballast.unlink()
        wait_for(lambda: server.insert(rows(taken, 10)) == 200)
        taken += 10
        wait_for(lambda: server.count() == taken)
    with serving(small_disk / "data", *flags) as server:
        assert sorted(int(row["id"]) for row in server.rows("* | fields id")) == list(range(taken))
