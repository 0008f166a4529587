"""Downloads go through the proxy of the inventory, and nothing of the fleet does."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.unit.converge.host import Host, block

from staddle.converge.agent import converge
from staddle.inventory import parse_inventory
from staddle.inventory.proxy import environment
from staddle.manifest.resources import Command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INVENTORY = """\
all:
  children:
    infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }}, 10.0.0.2: {{ infra_seq: 2 }} }} }}
  vars:
    repo_modules: own
    repo_targets: [debian-12-x86_64]
    repo_packages: [jq]
    repo_upstream:
      - name: own
        module: own
        releases: [12]
        arch: [x86_64]
        verify: "off"
        baseurl: {{ default: "http://upstream.invalid/debian bookworm main" }}
    proxy_env: {proxies}
"""


@contextmanager
def proxy() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Its port, and what it was asked for by whom. It has nothing."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def variables(**proxies: str) -> dict[str, str]:
    loaded = parse_inventory(INVENTORY.format(proxies=json.dumps(proxies)), "staddle.yml")
    return environment(loaded.fleet, loaded.fleet.infra[0])


def test_upstreams_are_asked_through_it_by_who_may(tmp_path: Path) -> None:
    with proxy() as (port, asked):
        proxies = {"http_proxy": f"http://ann:s%40cret@127.0.0.1:{port}"}
        (tmp_path / "staddle.yml").write_text(INVENTORY.format(proxies=json.dumps(proxies)), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "staddle", "repo", "plan"],
            cwd=tmp_path, env={**os.environ, "STADDLE_CACHE": str(tmp_path / "cache")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1, "an upstream that has nothing is told"
    assert "upstream.invalid" in done.stderr
    assert "s%40cret" not in done.stderr + done.stdout
    urls = {url for url, _ in asked}
    assert "http://upstream.invalid/debian/dists/bookworm/InRelease" in urls
    assert {who for _, who in asked} == {"Basic " + base64.b64encode(b"ann:s@cret").decode()}


def test_without_a_proxy_there_is_nothing_to_say() -> None:
    assert variables() == variables(no_proxy="x") == variables(http_proxy="") == {}


def test_the_fleet_is_reached_without_it() -> None:
    found = variables(HTTPS_PROXY="http://p:1", no_proxy="example.com, 10.0.0.2")
    without = "example.com,10.0.0.2,localhost,127.0.0.1,::1,.staddle,10.0.0.1"
    assert found == {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://p:1", "no_proxy": without, "NO_PROXY": without}


def test_what_converge_runs_on_a_host_has_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("https_proxy", "")  # what it sets is set back
    host = Host(tmp_path)
    seen = Command("see", ("/bin/sh", "-c", f"echo $https_proxy > {host.at('seen')}"))
    wanted = replace(block("a", host.file("f")), commands=(seen,))
    report = converge({**host.manifest(wanted), "environment": {"https_proxy": "http://p:1"}}, check=False)
    assert not report.failed
    assert host.read("seen") == "http://p:1\n"
