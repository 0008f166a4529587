"""A manifest that is not what it should be: one clear line, and nothing is done."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.converge.host import Host, block

from staddle.converge.agent import converge, main
from staddle.converge.report import Report

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], 2, "manifest format 2 is not known here (this converge reads format 1)"),
        (["state"], "relative", "state: expected an absolute, normalized path, found 'relative'"),
        (["blocks"], {}, "blocks: expected a list, found {}"),
        (["blocks", 0], [], "blocks[0]: expected an object, found []"),
        (["blocks", 0, "component"], "../x", "blocks[0].component: expected letters, digits and -_.@, found '../x'"),
        (["blocks", 0, "resources", 0, "kind"], "socket", "blocks[0].resources[0].kind: expected one of"),
        (["blocks", 0, "resources", 0, "mode"], "0644", "blocks[0].resources[0].mode: expected an integer"),
        (["blocks", 0, "resources", 0, "path"], "/a/../b", "expected an absolute, normalized path"),
        (["blocks", 0, "resources", 0, "sha256"], "0" * 64, "no content 000"),
        (["manager", "kind"], "runit", "manager.kind: expected one of supervisor, systemd, found 'runit'"),
    ],
)
def test_what_is_wrong_and_where(host: Host, path: list[Any], value: Any, message: str) -> None:
    manifest = copy.deepcopy(host.manifest(block("a", host.file("f"))))
    at: Any = manifest
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    report = converge(manifest)
    assert message in (report.error or "")
    assert report.exit_code == 1
    assert host.tree() == {}


def test_a_content_that_was_damaged_on_the_way(host: Host) -> None:
    manifest = host.manifest(block("a", host.file("f")))
    (sha256,) = manifest["blobs"]
    manifest["blobs"][sha256] = "AAAA"
    assert "does not have this SHA-256" in (converge(manifest).error or "")


@pytest.mark.parametrize("second", ["a", "b"])
def test_two_owners_of_one_path(host: Host, second: str) -> None:
    report = host.converge(block("a", host.file("f")), block(second, host.file("f", "other\n")))
    assert report.error is not None


def test_a_directory_may_be_shared(host: Host) -> None:
    assert host.converge(block("a", host.directory("d")), block("b", host.directory("d"))).exit_code == 2
    assert host.converge(block("b", host.directory("d"))).exit_code in (0, 2)
    assert list(host.tree()) == ["d"]


def test_not_even_an_object() -> None:
    assert "manifest: expected an object" in (converge([]).error or "")  # type: ignore[arg-type]


class TestCommandLine:
    def run(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "staddle.converge", *args]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def test_exit_status_report_and_progress(self, host: Host) -> None:
        manifest = json.dumps(host.manifest(block("a", host.file("f")), block("b", host.file("g"))))
        check = self.run("--manifest", "-", "--check", "--json", stdin=manifest)
        assert check.returncode == 2
        assert host.tree() == {}
        done = self.run("--manifest", "-", "--json", stdin=manifest)
        assert done.returncode == 2
        assert (
            Report.from_data(json.loads(done.stdout)).changes() == Report.from_data(json.loads(check.stdout)).changes()
        )
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert [event["kind"] for event in events] == ["begin", "block", "block", "end"]
        assert self.run("--manifest", "-", "--only", "b", stdin=manifest).returncode == 0

    @pytest.mark.parametrize("stdin", ["", "{", "[]", '{"format": 7}', "{}"])
    def test_no_tracebacks(self, stdin: str) -> None:
        done = self.run("--manifest", "-", "--json", stdin=stdin)
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]
        assert "Traceback" not in done.stderr

    def test_no_such_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--manifest", "/no/such/file"]) == 1
        assert "the manifest can't be read: /no/such/file" in capsys.readouterr().out
