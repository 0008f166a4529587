"""A portal that its tests change: everything off but nginx and its exporter."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from cryptography import x509
from tests.sandbox.shared import shared
from tests.sandbox.stack import Stack, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUIET = {
    "vmetrics_enabled": False,
    "vlogs_enabled": False,
    "vtraces_enabled": False,
    "vmalert_enabled": False,
    "alertmanager_enabled": False,
    "blackbox_enabled": False,
    "dns_enabled": False,
    "node_exporter_enabled": False,
}
"""Everything off but the portal and its exporter: these tests are about nothing else."""


@dataclass
class Changing:
    """A stack whose inventory is `entries`, and `docs`, a directory to serve."""

    stack: Stack
    docs: Path
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    applied: str = ""
    """The inventory that is in force."""

    def text(self, **variables: Any) -> str:
        """The inventory, one line for each variable and each entry."""
        lines = ["all:", "  children: { infra: { hosts: { 127.0.0.1: { infra_seq: 1, nodename: box } } } }", "  vars:"]
        lines += [f"    {name}: {json.dumps(value)}" for name, value in {**QUIET, **variables}.items()]
        return "\n".join(
            [*lines, "    infra_portal:", *(f"      {n}: {json.dumps(e)}" for n, e in self.entries.items()), ""]
        )

    def apply(self, *, ok: bool = True, **variables: Any) -> dict[str, Any]:
        """`staddle up` with the entries as they are now, and these variables."""
        before = self.workers()
        self.stack.write(self.text(**variables))
        result = self.stack.up(ok=ok)
        # What failed may have been done in part.
        self.applied = self.text(**variables) if result["exit"] == 0 else ""
        if any(
            s["name"] == "nginx" and s["action"] == "reload" for b in result["report"]["blocks"] for s in b["services"]
        ):
            # For a moment, old and new workers answer side by side.
            wait_for("the old workers to end", lambda: not before & self.workers())
        return result

    def workers(self) -> set[psutil.Process]:
        """nginx's worker processes, those that are shutting down too."""
        master = self.stack.pids().get("nginx")
        return {child for child in psutil.Process(master).children() if child.name() == "nginx"} if master else set()

    def state(self) -> tuple[object, ...]:
        """What must not change when something is refused: the process, what it serves, and its files."""
        config = self.stack.root / "etc/nginx"
        files = {file: file.read_bytes() for file in config.rglob("*") if file.is_file()}
        return self.stack.pids()["nginx"], self.stack.get("/", host="docs.example").body, files

    def refused(self, **variables: Any) -> dict[str, Any]:
        """`up` must fail, at nginx only, and leave it as it is. Gives the block of the report that says why."""
        before, applied = self.state(), self.applied
        result = self.apply(ok=False, **variables)
        assert result["exit"] == 1
        assert self.state() == before
        self.applied = applied
        blocks = result["report"]["blocks"]
        (failed,) = (block for block in blocks if block["outcome"] == "failed")
        assert failed["component"] == "nginx"
        assert isinstance(failed, dict)
        return failed

    def rejected(self, **variables: Any) -> str:
        """`up` must stop before it changes anything. Gives what it says."""
        before = self.state()
        self.stack.write(self.text(**variables))
        result = self.stack.run("up", "--port-offset", str(self.stack.offset), "-i", str(self.stack.inventory))
        assert result.returncode == 1
        assert self.state() == before
        return result.stderr

    def place(self, entry: str, key: str) -> str:
        """Where the inventory has the value of an entry's key."""
        lines = (self.stack.inventory or self.docs).read_text(encoding="utf-8").splitlines()
        line, text = next((n, text) for n, text in enumerate(lines, 1) if text.startswith(f"      {entry}:"))
        start = f'"{key}": '
        return f"{self.stack.inventory}:{line}:{text.index(start) + len(start) + 1}"

    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.stack.root / "etc/nginx/cert/nginx.crt").read_bytes())

    @property
    def servers(self) -> set[str]:
        return {file.stem for file in (self.stack.root / "etc/nginx/conf.d").iterdir()}


@pytest.fixture(scope="session")
def changing_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changing]:
    home = tmp_path_factory.mktemp("changing")
    docs = home / "docs"
    docs.mkdir()
    (docs / "index.html").write_text("the manual", encoding="utf-8")
    (home / "nginx").mkdir()
    first = Changing(Stack(home), docs, base(docs))
    for stack in shared("changing_stack", started(home, first.text())):
        yield Changing(stack, docs)


@pytest.fixture
def changing(changing_stack: Changing) -> Changing:
    """As at the beginning."""
    changing_stack.entries = base(changing_stack.docs)
    if changing_stack.applied != changing_stack.text():
        changing_stack.apply()
    return changing_stack


def base(docs: Path) -> dict[str, dict[str, Any]]:
    return {"home": {"domain": "i.staddle"}, "docs": {"domain": "docs.example", "path": str(docs)}}
