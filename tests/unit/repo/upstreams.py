"""Upstreams for tests: real indexes made by apt-ftparchive and createrepo_c, signed by gpg, behind a server with faults."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.unit.repo_publish.packages import need

from staddle.repo.cache import Cache
from staddle.repo.metadata.fetch import Session
from staddle.repo.model import Trust, Upstream
from staddle.repo.signatures import Keys
from staddle.repo.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLICE = 64 * 1024
NOW = dt.datetime.now(dt.UTC)


class Gpg:
    """A key of somebody, and gpg to sign with it."""

    def __init__(self, home: Path) -> None:
        need("gpg")
        self.home = home
        home.mkdir(mode=0o700, parents=True)
        self._run("--quick-generate-key", "A vendor <vendor@example.org>", "rsa2048", "sign", "0")
        listing = self._run("--list-keys", "--with-colons").decode()
        found = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.MULTILINE)
        assert found
        self.fingerprint = found[1]
        self.public = home / "public.asc"
        self.public.write_bytes(self._run("--armor", "--export"))

    def clearsign(self, file: Path, to: Path) -> None:
        self._run("--yes", "--clearsign", "--output", str(to), str(file))

    def detach(self, file: Path, to: Path) -> None:
        self._run("--yes", "--armor", "--detach-sign", "--output", str(to), str(file))

    def sign_rpm(self, package: Path) -> None:
        need("rpmsign")
        argv = ["rpmsign", "--define", f"_gpg_name {self.fingerprint}", "--define", f"_gpg_path {self.home}",
                "--define", f"__gpg {shutil.which('gpg')}",
                "--addsign", str(package)]  # fmt: skip
        subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "GNUPGHOME": str(self.home)})

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)

    def _run(self, *arguments: str) -> bytes:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--passphrase", "", "--pinentry-mode",
                "loopback", *arguments]  # fmt: skip
        return subprocess.run(argv, check=True, capture_output=True).stdout


@dataclass
class AptUpstream:
    """A directory served as a Debian archive with one suite: `pool/` is what it has."""

    root: Path
    gpg: Gpg
    suite: str = "bookworm"
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def pool(self) -> Path:
        path = self.root / "pool"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def dist(self) -> Path:
        return self.root / "dists" / self.suite

    def index(self) -> None:
        """Write the indexes anew, and sign them."""
        need("apt-ftparchive", "xz")
        binary = self.dist / "main/binary-amd64"
        binary.mkdir(parents=True, exist_ok=True)
        text = subprocess.run(["apt-ftparchive", "packages", "pool"], cwd=self.root, check=True, capture_output=True)
        (binary / "Packages").write_bytes(text.stdout)
        subprocess.run(["xz", "--force", "--keep", binary / "Packages"], check=True)
        by_hash = binary / "by-hash/SHA256"
        by_hash.mkdir(parents=True, exist_ok=True)
        for file in (binary / "Packages", binary / "Packages.xz"):
            (by_hash / hashlib.sha256(file.read_bytes()).hexdigest()).write_bytes(file.read_bytes())
        self.release()

    def release(self) -> None:
        """Write Release anew, and sign it."""
        for name in ("Release", "InRelease", "Release.gpg"):
            (self.dist / name).unlink(missing_ok=True)
        fields = {"Suite": "stable", "Codename": self.suite, "Architectures": "amd64", "Components": "main",
                  "Acquire-By-Hash": "yes", **self.fields}  # fmt: skip
        options = [f"-oAPT::FTPArchive::Release::{key}={value}" for key, value in fields.items()]
        argv = ["apt-ftparchive", *options, "release", "."]
        text = subprocess.run(argv, cwd=self.dist, check=True, capture_output=True, text=True).stdout
        if "Valid-Until" in fields:
            text = re.sub(r"^Valid-Until: .*\n", "", text, flags=re.MULTILINE)
            text = f"Valid-Until: {fields['Valid-Until']}\n{text}"
        (self.dist / "Release").write_text(text, encoding="utf-8")
        self.sign()

    def sign(self) -> None:
        self.gpg.clearsign(self.dist / "Release", self.dist / "InRelease")
        self.gpg.detach(self.dist / "Release", self.dist / "Release.gpg")

    def upstream(self, url: str, **more: Any) -> Upstream:
        trust = Trust("metadata", (self.gpg.fingerprint,), (str(self.gpg.public),))
        return Upstream(**{
            "name": "vendor", "module": "infra", "format": "deb", "urls": (url,), "suite": self.suite,
            "components": ("main",), "trust": trust, **more,
        })  # fmt: skip


@dataclass
class Faults:
    """What a server does wrong, by parts of paths.

    `cut`: how many bytes are sent, request by request, before it hangs up. `refuse`: the status it answers with.
    `unavailable`: for how many requests it is overloaded. `pause`: how long it rests after each 64 KiB.
    """

    cut: dict[str, list[int]] = field(default_factory=dict)
    refuse: dict[str, int] = field(default_factory=dict)
    unavailable: dict[str, int] = field(default_factory=dict)
    no_ranges: bool = False
    pause: float = 0.0


@dataclass
class Server:
    """A web server of a directory, that knows what it was asked."""

    url: str
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, int, str]] = field(default_factory=list)

    def asked(self, part: str) -> list[tuple[int, str]]:
        """Status and Range of the requests whose path has `part`."""
        return [(status, span) for path, status, span in self.requests if part in path]


class Handler(BaseHTTPRequestHandler):
    """Answers from a directory, with ETags and ranges, and with the faults that are set."""

    protocol_version = "HTTP/1.1"
    root: Path
    known: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, body, headers = self._refusal(path) or self._find(path)
        self.known.requests.append((path, status, self.headers.get("Range", "")))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for part, plan in self.known.faults.cut.items():
                if part in path and plan:
                    self.wfile.write(body[: plan.pop(0)])
                    self.close_connection = True
                    return
            for start in range(0, len(body), SLICE):
                self.wfile.write(body[start : start + SLICE])
                time.sleep(self.known.faults.pause)

    def _refusal(self, path: str) -> tuple[int, bytes, dict[str, str]] | None:
        faults = self.known.faults
        for part, count in faults.unavailable.items():
            if part in path and count:
                faults.unavailable[part] -= 1
                return 503, b"", {"Retry-After": "0"}
        return next(((status, b"", {}) for part, status in faults.refuse.items() if part in path), None)

    def _find(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        file = self.root / path.lstrip("/")
        if not file.is_file():
            return 404, b"", {}
        body = file.read_bytes()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            return 304, b"", {"ETag": tag}
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span and not self.known.faults.no_ranges else 0
        if start >= len(body) > 0:
            return 416, b"", {}
        if start:
            return 206, body[start:], {"ETag": tag, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        return 200, body, {"ETag": tag}

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serve(root: Path) -> Iterator[Server]:
    """Serve a directory on a port of its own."""
    handler = type("Handler", (Handler,), {"root": root})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.daemon_threads = True
        server = handler.known = Server(f"http://127.0.0.1:{httpd.server_address[1]}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            httpd.shutdown()
            thread.join()


def session(cache: Path) -> Session:
    """What fetching needs, impatient."""
    web, kept = Web(pause=0.001), Cache(cache)
    return Session(web, kept, Keys(kept.keys, web))
