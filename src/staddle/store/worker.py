"""The process that converts and merges, so that the memory this needs goes back to the system afterwards.

It reads one JSON request a line and answers with one JSON line each: `{"ok": ...}` or `{"error": text}`. It
ends when its
input does, that is also when its parent dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from staddle.store.build import BUILD
from staddle.store.errors import OtherBuildError, WorkerError
from staddle.store.manifest import Part

IDLE_SECONDS = 20.0


class Worker:
    """The parent's end: starts the process when there is work, ends it when there was none for a while.
    Thread-safe.
    """

    def __init__(self, folder: Path, *, memory_bytes: int, threads: int, codec: str, nice: int = 0) -> None:
        self._settings = {
            "folder": str(folder),
            "memory": memory_bytes,
            "threads": threads,
            "nice": nice,
            "codec": codec,
            "build": BUILD,
        }
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._used_at = 0.0

    def start(self) -> None:
        """Have the process ready before there is work."""
        with self._lock:
            self._running()
            self._used_at = time.monotonic()

    def call(self, request: dict[str, Any]) -> Any:
        """One request, one answer. Raises WorkerError when it fails or the process dies."""
        with self._lock:
            process = self._running()
            if process.stdin is None or process.stdout is None:
                raise WorkerError("worker without pipes")
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError as error:
                self._stop()
                raise WorkerError(f"worker died: {error}") from error
            self._used_at = time.monotonic()
            if not line:
                status = process.wait()
                self._stop()
                raise WorkerError(f"worker ended with status {status} during {request['do']}")
        answer = json.loads(line)
        if answer.get("other_build"):
            raise OtherBuildError(answer["error"])
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["ok"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            command = [sys.executable, "-m", "staddle.store.worker", json.dumps(self._settings)]
            source = str(Path(__file__).resolve().parents[2])
            env = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])),
            }
            # Its own session: a Ctrl-C is for the server, which then lets the worker finish.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, start_new_session=True
            )
        return self._process

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def stop_if_idle(self) -> None:
        """End the process when it has had nothing to do for a while."""
        if (
            self._process is not None
            and time.monotonic() - self._used_at > IDLE_SECONDS
            and self._lock.acquire(blocking=False)
        ):
            try:
                self._stop()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process after its current request."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # A dead reader makes the last flush fail; there is nothing left to say to it.
                    continue
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _refuse() -> None:
    """The code was exchanged while the server ran: what it wants and what we'd do may not be the same."""
    text = "the program was exchanged while the store was running: it has to be restarted"
    for _ in sys.stdin.buffer:
        sys.stdout.buffer.write(json.dumps({"error": text, "other_build": True}).encode() + b"\n")
        sys.stdout.buffer.flush()


def _serve(settings: dict[str, Any]) -> None:
    if settings["build"] != BUILD:
        _refuse()
        return
    import duckdb  # noqa: PLC0415 (the server never pays for what only the worker needs)

    from staddle.store.codec import load_codec  # noqa: PLC0415
    from staddle.store.convert import convert  # noqa: PLC0415
    from staddle.store.merge import merge  # noqa: PLC0415

    folder = Path(settings["folder"])
    parts = folder / "parts"
    codec = load_codec(settings["codec"])
    os.nice(settings["nice"])
    con = duckdb.connect(
        config={
            "threads": settings["threads"],
            "memory_limit": f"{settings['memory'] // 1024} KiB",
            "temp_directory": str(folder / "tmp"),
            "preserve_insertion_order": False,
        }
    )

    def convert_one(job: dict[str, Any]) -> dict[str, Any]:
        # A cursor has temporary tables of its own, so jobs don't see each other's.
        with con.cursor() as cursor:
            segments = [Path(s) for s in job["segments"]]
            done = convert(cursor, segments, parts, job["name"], (job["min_ns"], job["max_ns"]), codec)
        return {
            "parts": [asdict(p) for p in done.parts],
            "rows": done.rows,
            "dropped": dict(done.dropped),
            "problems": done.problems,
            "facts": done.facts,
        }

    def run(request: dict[str, Any]) -> Any:
        if request["do"] == "convert":
            # Two at a time, so that one job's work on a single core goes along with the other's on all of
            # them.
            with ThreadPoolExecutor(2) as pool:
                return list(pool.map(convert_one, request["jobs"]))
        merged = merge(con, [Part.load(p) for p in request["parts"]], parts, request["name"], codec)
        return asdict(merged)

    for line in sys.stdin.buffer:
        try:
            answer = {"ok": run(json.loads(line))}
        except Exception as error:  # noqa: BLE001 (whatever it is, the server decides)
            answer = {"error": f"{type(error).__name__}: {error}"}
        try:
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # The server is gone, and with it whoever would have used the result.
            os._exit(0)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
