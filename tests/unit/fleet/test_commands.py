"""The commands for real hosts, on files only: plan, apply, drift, rollback, remove. Each runs Ansible as users do."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fleet.boxes import ADDRESSES, FILES, Boxes, done

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("becomes_root")


def test_apply_does_what_plan_says_over_ssh_and_a_dead_host_stops_nobody(tmp_path: Path, ssh: dict[str, Any]) -> None:
    first, second, dead = ADDRESSES
    boxes = Boxes(tmp_path, ssh, own={dead: {"ansible_port": 1}})
    planned = boxes.json("plan", "-t", FILES, exits=1)
    assert not boxes.tree(first)
    assert planned["hosts"][dead]["unreachable"]
    applied = boxes.json("apply", "-t", FILES, exits=1)
    assert applied["hosts"][dead]["unreachable"]
    assert done(planned) == done(applied)
    assert {ip for ip, *_ in done(applied)} == {first, second}
    assert boxes.file(first).read_bytes() == boxes.file(second).read_bytes()
    assert boxes.file(first).read_bytes() == (boxes.home / "files/pki/ca/ca.crt").read_bytes()
    again = boxes.json("apply", "-t", FILES, "-l", f"{first},{second}", exits=0)
    assert not done(again)
    assert boxes.run("plan", "-t", FILES, "-l", f"{first},{second}").returncode == 0


def test_a_saved_plan_is_done_once_and_not_when_something_moved(boxes: Boxes) -> None:
    plan = str(boxes.home / "saved")
    assert boxes.run("plan", "-t", FILES, "--out", plan).returncode == 2
    assert (boxes.home / "saved").stat().st_mode & 0o777 == 0o600
    boxes.file(ADDRESSES[1]).parent.mkdir(parents=True)
    refused = boxes.run("apply", "--plan", plan)
    assert refused.returncode == 1
    assert f"{ADDRESSES[1]}: no longer create" in refused.stderr
    assert not any(boxes.file(ip).exists() for ip in ADDRESSES)
    shutil.rmtree(boxes.root(ADDRESSES[1]) / "etc")
    assert boxes.run("apply", "--plan", plan).returncode == 0
    assert all(boxes.file(ip).exists() for ip in ADDRESSES)
    boxes.vars["nginx_sslmode"] = "enable"
    boxes.write()
    assert "the inventory was edited" in boxes.run("apply", "--plan", plan).stderr


def test_drift_names_what_was_changed_by_hand_and_apply_mends_exactly_that(boxes: Boxes) -> None:
    boxes.json("apply", "-t", FILES, exits=0)
    assert boxes.run("drift").returncode == 0
    changed, missing, other = (boxes.file(ip) for ip in ADDRESSES)
    before = other.stat()
    changed.write_text("by hand\n")
    missing.unlink()
    found = boxes.json("drift", exits=2)["hosts"]
    assert {ip: [item["what"] for item in host["drift"]] for ip, host in found.items()} == {
        ADDRESSES[0]: ["content"],
        ADDRESSES[1]: ["missing"],
        ADDRESSES[2]: [],
    }
    applied = boxes.json("apply", "-t", FILES, exits=0)
    assert done(applied) == {
        (ADDRESSES[0], FILES, str(changed), "update"),
        (ADDRESSES[1], FILES, str(missing), "create"),
    }
    assert other.stat() == before
    assert boxes.run("drift").returncode == 0


def test_rollback_brings_back_what_was_there_before_the_last_change(boxes: Boxes) -> None:
    boxes.json("apply", "-t", FILES, exits=0)
    old = boxes.file(ADDRESSES[0]).read_bytes()
    shutil.rmtree(boxes.home / "files/pki")
    boxes.json("apply", "-t", FILES, exits=0)
    new = boxes.file(ADDRESSES[0]).read_bytes()
    assert new != old
    preview = boxes.json("rollback", "--check", "-l", ADDRESSES[0], exits=2)
    assert boxes.file(ADDRESSES[0]).read_bytes() == new
    rolled = boxes.json("rollback", "-l", ADDRESSES[0], exits=0)
    assert done(preview) == done(rolled) == {(ADDRESSES[0], FILES, str(boxes.file(ADDRESSES[0])), "update")}
    assert [boxes.file(ip).read_bytes() for ip in ADDRESSES] == [old, new, new]
    boxes.json("rollback", "-l", ADDRESSES[0], "-t", FILES, exits=0)
    assert boxes.file(ADDRESSES[0]).read_bytes() == new


def test_remove_takes_exactly_what_was_installed(boxes: Boxes) -> None:
    first, second, third = ADDRESSES
    boxes.json("apply", "-t", "node", exits=0)
    foreign = boxes.root(first) / "etc/pki/mine"
    foreign.write_text("not Staddle's\n")
    data = boxes.root(first) / "data/infra/targets/kept"
    data.write_text("data\n")
    aborted = boxes.run("remove", "-l", first)
    assert aborted.returncode == 1
    assert boxes.file(first).exists()
    preview = boxes.json("remove", "--check", "-l", f"{first},{second}", exits=2)
    removed = boxes.json("remove", "--yes", "-l", f"{first},{second}", exits=0)
    assert done(preview) == done(removed)
    assert boxes.tree(first) == {"etc", "etc/pki", "etc/pki/mine", "data", "data/infra", "data/infra/targets",
                                 "data/infra/targets/kept"}  # fmt: skip
    assert not boxes.tree(second)
    assert boxes.file(third).exists()
    assert boxes.run("rollback", "-l", second).returncode == 0, "what was removed by mistake comes back"
    assert boxes.file(second).exists()


def test_remove_with_data_takes_that_as_well_but_nothing_of_others(boxes: Boxes) -> None:
    first = ADDRESSES[0]
    boxes.json("apply", "-t", "node", "-l", first, exits=0)
    (boxes.root(first) / "data/infra/targets/kept").write_text("data\n")
    (boxes.root(first) / "data/postgres").write_text("somebody else's\n")
    boxes.json("remove", "--yes", "--data", "-l", first, exits=0)
    assert boxes.tree(first) == {"data", "data/postgres"}
    assert not (boxes.root(first) / "var/lib/staddle").exists()


def test_well_known_passwords_are_not_put_on_hosts(boxes: Boxes) -> None:
    boxes.vars["nginx_users"] = {"admin": "pigsty"}
    boxes.write()
    assert boxes.run("plan", "-t", FILES).returncode == 2
    refused = boxes.run("apply", "-t", FILES)
    assert refused.returncode == 1
    assert "nginx_users" in refused.stderr
    assert "pigsty" not in refused.stderr
    assert not boxes.tree(ADDRESSES[0])


def test_what_means_nothing_is_refused(boxes: Boxes) -> None:
    unknown = boxes.run("apply", "-t", "ngnix")
    assert (unknown.returncode, "did you mean nginx" in unknown.stderr) == (1, True)
    nobody = boxes.run("apply", "-l", "10.9.9.9")
    assert (nobody.returncode, "10.9.9.9" in nobody.stderr) == (1, True)
    boxes.inventory.write_text(json.dumps({"all": {"vars": {"nginx_prot": 1}}}), encoding="utf-8")
    broken = boxes.run("plan")
    assert (broken.returncode, "nginx_port" in broken.stderr) == (1, True)


def test_at_a_terminal_apply_shows_its_plan_and_asks(boxes: Boxes) -> None:
    only = ("-t", FILES, "-l", ADDRESSES[0])
    said, status = _at_a_terminal(boxes, "n", "apply", *only)
    assert status == 1
    assert f"+ {boxes.file(ADDRESSES[0])}" in said
    assert "nothing was done" in said
    assert not boxes.file(ADDRESSES[0]).exists()
    said, status = _at_a_terminal(boxes, "y", "apply", *only)
    assert status == 0, said
    assert boxes.file(ADDRESSES[0]).exists()
    said, status = _at_a_terminal(boxes, None, "apply", *only)
    assert (status, "Do this?" in said) == (0, False), "there is nothing to ask about"


def test_ansibles_options_reach_it_and_progress_comes_back_over_ssh(tmp_path: Path, ssh: dict[str, Any]) -> None:
    key, port = ssh.pop("ansible_ssh_private_key_file"), ssh.pop("ansible_port")
    boxes, one = Boxes(tmp_path, ssh), ADDRESSES[0]
    given = ["-t", FILES, "-l", one, "--private-key", key, "-e", f"ansible_port={port}", "-e", '{"unused": {"a": 1}}']
    applied = boxes.run("apply", *given)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert re.search(rf"\+ {one} node {FILES} changed \d", applied.stderr), "with its time: the host told it itself"
    for refused, reason in (
        (["-e", "nginx_port=81"], "nginx_port"),
        (["-e", "loose"], "loose"),
        (["-k"], "no terminal"),
    ):
        result = boxes.run("apply", *refused)
        assert (result.returncode, reason in result.stderr) == (1, True), result.stderr


def test_a_password_is_asked_for_and_stands_nowhere(boxes: Boxes) -> None:
    """The host's Python looks at all processes of the machine before it does what it shall."""
    seen, program = boxes.home / "seen", boxes.home / "python"
    look = f"cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n' > {seen}"
    program.write_text(f'#!/bin/sh\n{look}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    boxes.vars["ansible_python_interpreter"] = str(program)
    boxes.write()
    _, status = _at_a_terminal(boxes, "hunter-two-2", "apply", "-K", "--yes", "-t", FILES, "-l", ADDRESSES[0])
    assert status == 0
    assert str(boxes.inventory) in seen.read_text(encoding="utf-8", errors="replace")
    assert "hunter-two-2" not in seen.read_text(encoding="utf-8", errors="replace")
    kept = [file for file in boxes.home.rglob("*") if file.is_file() and b"hunter-two-2" in file.read_bytes()]
    assert not kept


def test_status_and_doctor_ask_all_hosts(boxes: Boxes) -> None:
    boxes.json("apply", "-t", FILES, "-l", ADDRESSES[0], exits=0)
    boxes.file(ADDRESSES[0]).write_text("by hand\n")
    status = boxes.json("status", exits=0)
    assert {ip: host["components"] for ip, host in status["hosts"].items()} == {
        ip: [FILES] if ip == ADDRESSES[0] else [] for ip in ADDRESSES
    }
    found = boxes.json("doctor", exits=1)
    assert set(found["hosts"]) == set(ADDRESSES)
    assert {(item["host"], item["check"]) for item in found["findings"] if item["check"] != "disk"} == {
        (ADDRESSES[0], "drift"),
        (ADDRESSES[1], "installed"),
        (ADDRESSES[2], "installed"),
    }


def _at_a_terminal(boxes: Boxes, answer: str | None, *arguments: str) -> tuple[str, int]:
    """What is said on a terminal of 100 columns, and the exit status; `answer` is given to the first question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(boxes.home)
        os.execv(sys.executable, [sys.executable, "-m", "staddle", *arguments, "-i", str(boxes.inventory)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    said = b""
    with contextlib.suppress(OSError):  # the terminal is gone with its last user
        while True:
            if select.select([terminal], [], [], 0.05)[0]:
                said += os.read(terminal, 65536)
            # What is typed before a password is asked for is thrown away.
            hidden = not termios.tcgetattr(terminal)[3] & termios.ECHO
            if answer is not None and (b"[y/N]" in said or hidden):
                os.write(terminal, f"{answer}\n".encode())
                answer = None
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode(errors="replace"))
    return text, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
