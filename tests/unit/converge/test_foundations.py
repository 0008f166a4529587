"""Sections of files, commands, packages and accounts. What needs root and apt is in tests/lab."""

from __future__ import annotations

import getpass
import grp
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.converge.host import Host, block, result

import staddle
from staddle.converge.agent import converge
from staddle.converge.drift import drift
from staddle.converge.sections import cut, put, take
from staddle.manifest.resources import Command, Group, Installed, Section, User

if TYPE_CHECKING:
    from staddle.manifest.resources import Block


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def lines(host: Host, content: str = "10.0.0.1 a\n") -> Block:
    return block("hosts", Section(host.at("hosts"), "hosts", content.encode()))


@pytest.mark.parametrize("text", [b"", b"a\n", b"a", b"a\nb\n", b"# staddle other: begin\nx\n# staddle other: end\n"])
@pytest.mark.parametrize("content", [b"", b"x\n", b"x\ny\n"])
def test_a_section_comes_and_goes_without_a_trace(text: bytes, content: bytes) -> None:
    there = put(text, "mine", content)
    assert take(there, "mine") == content
    assert put(there, "mine", content) == there
    assert take(put(there, "mine", b"z\n"), "mine") == b"z\n"
    assert cut(put(there, "mine", b"z\n"), "mine") == text + (b"\n" if text and not text.endswith(b"\n") else b"")


def test_what_is_around_a_section_stays(host: Host) -> None:
    before = "127.0.0.1 localhost\n"
    (host.base / "hosts").write_text(before)
    (host.base / "hosts").chmod(0o640)
    check = host.converge(lines(host), check=True)
    assert host.read("hosts") == before
    report = host.converge(lines(host))
    assert report.changes() == check.changes() == [("hosts", host.at("hosts"), "update")]
    assert host.read("hosts").startswith(before)
    assert "\n10.0.0.1 a\n" in host.read("hosts")
    assert (host.base / "hosts").stat().st_mode & 0o777 == 0o640
    (host.base / "hosts").write_text("192.0.2.1 by-hand\n" + host.read("hosts"))
    assert host.converge(lines(host)).exit_code == 0
    assert drift(str(host.state)) == ()
    assert host.converge(lines(host, "10.0.0.2 b\n")).exit_code == 2
    assert "10.0.0.1" not in host.read("hosts")
    assert host.converge().changes() == [("hosts", host.at("hosts"), "update")]
    assert host.read("hosts") == "192.0.2.1 by-hand\n" + before


def test_a_section_that_was_changed_by_hand_is_drift_and_is_mended(host: Host) -> None:
    (host.base / "hosts").write_text("127.0.0.1 localhost\n")
    host.converge(lines(host))
    (host.base / "hosts").write_text(host.read("hosts").replace("10.0.0.1 a", "10.0.0.9 a"))
    assert [(d.path, d.what) for d in drift(str(host.state))] == [(host.at("hosts"), "content")]
    assert host.converge(lines(host)).exit_code == 2
    (host.base / "hosts").write_text("127.0.0.1 localhost\n")
    assert [(d.path, d.what) for d in drift(str(host.state))] == [(host.at("hosts"), "missing")]
    assert host.converge(lines(host)).exit_code == 2
    assert "10.0.0.1 a" in host.read("hosts")


def test_a_file_that_is_nothing_but_our_section_goes_with_it(host: Host) -> None:
    assert host.converge(lines(host)).exit_code == 2
    assert host.converge().changes() == [("hosts", host.at("hosts"), "remove")]
    assert host.tree() == {}


def test_an_original_that_is_only_a_section_is_not_taken_for_ours_after_a_kill(host: Host) -> None:
    (host.base / "hosts").write_text("127.0.0.1 localhost\n")
    code = (
        "import json, os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from staddle.converge import agent, transaction\n"
        "transaction.Transaction._record = lambda *a, **k: os._exit(9)\n"
        "agent.converge(json.load(open(sys.argv[1])))\n"
    )
    manifest = host.root / "m.json"
    manifest.write_text(json.dumps(host.manifest(lines(host))))
    source = str(Path(staddle.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code, str(manifest), source], check=False).returncode == 9
    assert "10.0.0.1 a" in host.read("hosts")
    assert host.converge().exit_code == 2
    assert host.read("hosts") == "127.0.0.1 localhost\n"


def command(host: Host, code: str, *, check: str | None = None) -> Command:
    def python(text: str) -> tuple[str, ...]:
        return (sys.executable, "-ISc", text, host.at("f"), host.at("seen"))

    return Command("apply", python(code), None if check is None else python(check))


COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
SAME = "import sys; a, b = (open(p).read() for p in sys.argv[1:]); sys.exit(a != b)"


def test_a_command_runs_when_its_files_changed_and_only_then(host: Host) -> None:
    one = replace(block("a", host.file("f", "1\n")), commands=(command(host, COPY),))
    check = host.converge(one, check=True)
    assert host.tree() == {}
    done = host.converge(one)
    assert done.changes() == check.changes() == [("a", host.at("f"), "create"), ("a", "apply", "run")]
    assert host.read("seen") == "1\n"
    assert host.converge(one).exit_code == 0
    two = replace(one, resources=(host.file("f", "2\n"),))
    host.converge(two)
    assert host.read("seen") == "2\n"


def test_a_command_runs_when_its_check_says_so(host: Host) -> None:
    one = replace(block("a", host.file("f", "1\n")), commands=(command(host, COPY, check=SAME),))
    host.converge(one)
    (host.base / "seen").write_text("by hand\n")
    assert host.converge(one, check=True).changes() == [("a", "apply", "run")]
    assert host.converge(one).changes() == [("a", "apply", "run")]
    assert host.read("seen") == "1\n"
    assert host.converge(one).exit_code == 0


def test_a_command_that_fails_brings_the_files_back_and_is_told(host: Host) -> None:
    refuse = "import shutil, sys; '2' in open(sys.argv[1]).read() and sys.exit('will not'); shutil.copy(*sys.argv[1:])"
    one = replace(block("a", host.file("f", "1\n")), commands=(command(host, refuse),))
    host.converge(one)
    report = host.converge(replace(one, resources=(host.file("f", "2\n"),)))
    assert report.exit_code == 1
    assert "apply: will not" in str(result(report, "a").message)
    assert host.read("f") == host.read("seen") == "1\n"
    assert host.converge(one).exit_code == 0


def test_what_is_installed_is_ok_and_what_no_source_has_fails_its_components_only(host: Host) -> None:
    good = replace(block("good", host.file("g")), packages=(Installed("dpkg", "1.0"),))
    bad = replace(block("bad", host.file("b")), packages=(Installed("no-such-package-at-all"),))
    report = host.converge(good, bad, check=True)
    assert result(report, "good").outcome == "changed"
    first = result(report, "good").resources[0]
    assert (first.kind, first.path, first.outcome) == ("package", "dpkg", "ok")
    assert result(report, "bad").message == ("package no-such-package-at-all: no package source of this host has it")
    old = replace(block("old"), packages=(Installed("dpkg", "999"),))
    assert "version 999 or newer is needed" in str(result(host.converge(old, check=True), "old").message)


def test_accounts_that_are_there_are_left_alone_and_watched(host: Host) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    accounts = (Group(group), User(getpass.getuser(), group=group))
    one = replace(block("a", host.file("f")), accounts=accounts)
    report = host.converge(one)
    assert [(r.kind, r.outcome) for r in result(report, "a").resources] == [
        ("group", "ok"),
        ("user", "ok"),
        ("file", "changed"),
    ]
    assert host.converge(one).exit_code == 0
    assert drift(str(host.state)) == ()


def test_what_is_to_be_owned_by_a_user_to_come_can_be_planned(host: Host) -> None:
    accounts = (Group("staddle-test-g"), User("staddle-test-u", group="staddle-test-g"))
    one = replace(block("a", host.file("f", owner="staddle-test-u")), accounts=accounts)
    report = host.converge(one, check=True)
    assert report.exit_code == 2, report.to_json()
    assert report.changes() == [
        ("a", "staddle-test-g", "create"),
        ("a", "staddle-test-u", "create"),
        ("a", host.at("f"), "create"),
    ]
    assert host.tree() == {}


OFFERED = """\
Package: staddle-test-offered
Version: 2.0-1
Architecture: all
Maintainer: nobody <nobody@example.org>
Depends: staddle-test-brought, dpkg
Filename: ./staddle-test-offered.deb
Size: 3
SHA256: {a}
Description: nothing

Package: staddle-test-brought
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@example.org>
Filename: ./staddle-test-brought.deb
Size: 3
SHA256: {b}
Description: nothing
"""


def test_packages_that_are_offered_are_planned_by_apt_and_asked_for(host: Host) -> None:
    files = {"staddle-test-offered": "a" * 64, "staddle-test-brought": "b" * 64}
    offers = {"index": OFFERED.format(a="a" * 64, b="b" * 64), "files": files, "only": True}
    wanted = replace(
        block("app", host.file("f")), packages=(Installed("staddle-test-offered", "2.0"), Installed("dpkg"))
    )
    plan = converge({**host.manifest(wanted), "offers": offers}, check=True)
    packages = {r.path: r for r in result(plan, "app").resources if r.kind == "package"}
    assert packages["dpkg"].outcome == "ok"
    offered = packages["staddle-test-offered"]
    assert (offered.outcome, offered.action) == ("changed", "install")
    assert offered.note == "2.0-1; brings staddle-test-brought; from the ADMIN node"
    assert plan.wants == ["a" * 64, "b" * 64]
    # A run without them fails the component, and does not try.
    done = converge({**host.manifest(wanted), "offers": offers})
    assert "were not sent to this host" in str(result(done, "app").message)
    assert host.tree() == {}
    newer = replace(wanted, packages=(Installed("staddle-test-offered", "3.0"),))
    refused = converge({**host.manifest(newer), "offers": offers}, check=True)
    assert "version 3.0 or newer is needed" in str(result(refused, "app").message)
