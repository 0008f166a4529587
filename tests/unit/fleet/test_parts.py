"""The parts of a run that need neither Ansible nor hosts."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.unit.converge.host import Host

from staddle.converge import remote as host_side
from staddle.drive import plans, remote
from staddle.drive.compilation import select
from staddle.drive.rundir import RunDirectory, admin_directory
from staddle.errors import FleetError

INDEX = {
    "phases": {"node": ["ca", "infra"], "infra": ["nginx", "vmetrics"], "monitor": ["node_exporter"]},
    "register": ["vmetrics"],
    "cert": ["ca", "nginx"],
}


@pytest.mark.parametrize(
    ("tags", "skipped", "wanted"),
    [
        ([], [], "ca infra nginx vmetrics node_exporter"),
        (["all"], [], "ca infra nginx vmetrics node_exporter"),
        (["nginx"], [], "nginx"),
        (["node"], [], "ca infra"),
        (["nginx", "monitor"], [], "nginx node_exporter"),
        (["register"], [], "vmetrics"),
        (["cert"], [], "ca nginx"),
        ([], ["nginx", "node"], "vmetrics node_exporter"),
        (["cert"], ["ca"], "nginx"),
        (["always"], [], ""),
    ],
)
def test_tags_are_components_phases_and_groups_of_components(tags: list[str], skipped: list[str], wanted: str) -> None:
    chosen = [name for names in select(INDEX, tags, skipped).values() for name in names]
    assert chosen == wanted.split()


def _exchange(request: dict[str, Any], home: Path) -> dict[str, Any]:
    """As over SSH: the shell command, and everything else on standard input. `home` is all that it could write to."""
    argv = ["sh", "-c", remote.command(sys.executable)]
    env = {**os.environ, "HOME": str(home), "TMPDIR": str(home)}
    done = subprocess.run(argv, input=remote.payload(request), capture_output=True, check=False, cwd=home, env=env)
    return remote.reply(done.returncode, "a banner\n" + done.stdout.decode(), done.stderr.decode())


def test_the_program_and_the_request_travel_together_and_leave_nothing(tmp_path: Path) -> None:
    facts = _exchange({"op": "facts", "packages": [], "unprivileged": True}, tmp_path)["facts"]
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert not list(tmp_path.iterdir())
    with pytest.raises(FleetError, match="not known here"):
        _exchange({"op": "dance"}, tmp_path)


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "says"),
    [
        (127, "", "sh: 1: /usr/bin/python3: not found", "ansible_python_interpreter"),
        (1, "", "sudo: a password is required", "a password is required"),
        (0, "hello", "", "hello"),
        (255, "", "", "said nothing"),
        (0, f'{host_side.MARK}{{"error": "this needs root"}}', "", "this needs root"),
    ],
)
def test_a_host_that_gives_no_answer_is_explained(code: int, stdout: str, stderr: str, says: str) -> None:
    with pytest.raises(FleetError, match=says):
        remote.reply(code, stdout, stderr)


def test_the_manifest_is_sent_as_it_is() -> None:
    body = remote.payload({"op": "converge", "check": True}, b'{"node":"\xc3\xa9"}\n', b"and more")
    sizes, _, rest = body.partition(b"\n")
    program, request = map(int, sizes.split())
    assert json.loads(zlib.decompress(rest[program : program + request])) == {
        "op": "converge",
        "check": True,
        "manifest": {"node": "é"},
    }
    assert rest[program + request :] == b"and more"


def test_a_run_that_is_under_way_is_waited_for(tmp_path: Path) -> None:
    host = Host(tmp_path)
    manifest = host.manifest()
    lock = Path(manifest["state"], "lock")
    lock.parent.mkdir(parents=True, mode=0o700)
    held = lock.open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    refused = host_side.answer({"op": "converge", "manifest": manifest, "wait": 0})["report"]
    assert host_side.BUSY in refused["error"]
    threading.Timer(0.7, held.close).start()
    began = time.monotonic()
    assert host_side.answer({"op": "converge", "manifest": manifest, "wait": 20})["report"]["error"] is None
    assert 0.6 < time.monotonic() - began < 10


def test_what_dead_runs_left_is_removed_and_what_living_ones_use_is_not(tmp_path: Path) -> None:
    admin = admin_directory(tmp_path / "staddle.yml")
    assert admin.stat().st_mode & 0o777 == 0o700
    with subprocess.Popen(["true"]) as ended:
        pass
    dead, living = RunDirectory.create(admin, ended.pid), RunDirectory.create(admin, os.getpid())
    living.put("facts", "10.0.0.1", {"a": 1})
    RunDirectory.create(admin, os.getpid())
    assert not dead.path.exists()
    assert living.get("facts", "10.0.0.1") == {"a": 1}
    assert living.hosts("facts") == ["10.0.0.1"]
    assert living.get("facts", "10.0.0.2") is None


def test_a_place_for_the_ca_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files").chmod(0o777)
    with pytest.raises(FleetError, match="written by others"):
        admin_directory(tmp_path / "staddle.yml")


def _plan(**changes: Any) -> dict[str, Any]:
    resource = {"kind": "file", "path": "/etc/a", "outcome": "changed", "action": "update", "diff": "-1\n+2"}
    block = {"component": "nginx", "resources": [resource], "services": []}
    host = {"manifest": "abc", "report": {"blocks": [block]}}
    return {"format": 1, "inventory_sha256": "1", "hosts": {"10.0.0.1": host}, **changes}


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (_plan(inventory_sha256="2"), "the inventory was edited"),
        (_plan(hosts={}), "10.0.0.1 can't be reached"),
        (_plan(hosts={**_plan()["hosts"], "10.0.0.2": {}}), "10.0.0.2 was not part of the plan"),
        (_plan(hosts={"10.0.0.1": {"manifest": "abc", "report": {"blocks": []}}}), "no longer update /etc/a"),
        (_plan(hosts={"10.0.0.1": {**_plan()["hosts"]["10.0.0.1"], "manifest": "x"}}), "what it shall be is another"),
    ],
)
def test_a_plan_holds_only_while_nothing_moves(now: dict[str, Any], says: str) -> None:
    plans.compare(_plan(), _plan())
    with pytest.raises(FleetError, match=says):
        plans.compare(_plan(), now)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99, "hosts": {}}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan").write_text(content, encoding="utf-8")
    with pytest.raises(FleetError, match="is not a plan"):
        plans.read(tmp_path / "plan")
    with pytest.raises(FleetError, match="can't read"):
        plans.read(tmp_path / "none")
