"""No configuration that its own program refuses ever gets into place."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.converge.host import Host, block, python_validator, result

from staddle.manifest.resources import Validator

if TYPE_CHECKING:
    from pathlib import Path

REFUSE = "import sys; print('bad word in ' + sys.argv[1] + ':3'); sys.exit(1)"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_refusal_changes_nothing_and_is_told_in_the_programs_own_words(host: Host) -> None:
    host.converge(block("a", host.file("f", "1\n")))
    judge = python_validator(REFUSE, "{stage}" + host.at("f"))
    wanted = block("a", host.file("f", "2\n", origin="staddle.yml:12:7"), host.file("g"), validators=(judge,))
    for check in (True, False):
        report = host.converge(wanted, block("b", host.file("other")), check=check)
        refused = result(report, "a")
        assert (refused.outcome, refused.message) == ("failed", f"judge: bad word in {host.at('f')}:3")
        assert refused.origin == "staddle.yml:12:7"
        assert [r.outcome for r in refused.resources] == ["failed", "failed"]
        assert (result(report, "b").outcome, report.exit_code) == ("changed", 1)
    assert sorted(host.tree()) == ["f", "other"]
    assert host.read("f") == "1\n"
    assert not list(host.state.glob("stage.*"))


def test_what_asks_other_hosts_is_told_in_a_plan_and_refuses_in_a_run(host: Host) -> None:
    judge = replace(python_validator(REFUSE, "{stage}" + host.at("f")), provisional=True)
    wanted = block("a", host.file("f"), validators=(judge,))
    planned = result(host.converge(wanted, check=True), "a")
    assert (planned.outcome, planned.message) == ("changed", f"by now, judge: bad word in {host.at('f')}:3")
    assert result(host.converge(wanted), "a").outcome == "failed"
    assert host.tree() == {}


def test_a_plan_does_not_refuse_for_want_of_a_file_that_comes_with_another_component(host: Host) -> None:
    reads = "import sys; open(sys.argv[1])"
    key = block("a", host.file("key"))
    wanted = block("b", host.file("f"), validators=(python_validator(reads, host.at("key")),))
    assert result(host.converge(wanted, check=True), "b").outcome == "failed", "nobody brings it"
    planned, done = host.converge(key, wanted, check=True), host.converge(key, wanted)
    assert result(planned, "b").outcome == result(done, "b").outcome == "changed"
    assert planned.changes() == done.changes()


def test_the_stage_has_the_whole_file_set_new_and_unchanged(host: Host) -> None:
    code = """
import os, sys
root = sys.argv[1]
assert open(root + "/f").read() == "new\\n"
assert open(root + "/same").read() == "same\\n"
assert open(root + "/d/link").read() == "new\\n", "a link among staged files leads to the staged one"
assert open(root + "/d/out").read() == "outside\\n", "other links lead where they really lead"
assert os.path.isdir(root + "/d/empty")
assert os.environ["WHERE"] == root
"""
    (host.base / "outside").write_text("outside\n")
    root = "{stage}" + str(host.base)
    judge = Validator("judge", (sys.executable, "-ISc", code, root), {"WHERE": root})
    folders = (host.directory("d"), host.directory("d/empty"))
    common = (host.file("same", "same\n"), *folders, host.symlink("d/out", "../outside"))
    host.converge(block("a", host.file("f", "old\n"), *common))
    new = (host.file("f", "new\n"), host.symlink("d/link", "../f"))
    report = host.converge(block("a", *common, *new, validators=(judge,)))
    assert report.exit_code == 2, result(report, "a").message


def test_it_is_asked_only_if_something_changed(host: Host) -> None:
    count = host.root / "count"
    judge = python_validator("import sys; open(sys.argv[1], 'a').write('x')", str(count))
    for content in ("1\n", "1\n", "2\n"):
        host.converge(block("a", host.file("f", content), validators=(judge,)))
    assert count.read_text() == "xx"


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (Validator("judge", ("/no/such/program",)), "the program /no/such/program is missing"),
        (Validator("judge", (os.devnull,)), "can't be run: permission denied"),
        (python_validator("import time; time.sleep(60)", timeout=0.3), "no verdict within 0 s"),
        (python_validator("raise SystemExit(3)"), "exit status 3, without a word"),
    ],
)
def test_a_validator_that_cannot_judge_refuses(host: Host, judge: Validator, message: str) -> None:
    report = host.converge(block("a", host.file("f"), validators=(judge,)))
    assert message in (result(report, "a").message or "")
    assert host.tree() == {}


def test_the_origin_is_that_of_the_file_mentioned_first(host: Host) -> None:
    code = "import sys; sys.exit(sys.argv[1] + '.d/x:1: in ' + sys.argv[1])"
    judge = python_validator(code, "{stage}" + host.at("f"))
    files = (host.file("f", origin="one"), host.file("f.d/x", origin="two"), host.file("f.d/xy", origin="three"))
    report = host.converge(block("a", host.directory("f.d"), *files, validators=(judge,)))
    assert result(report, "a").origin == "two"


def test_a_program_that_quotes_a_secret_does_not_give_it_away(host: Host) -> None:
    code = (
        "import sys; text = open(sys.argv[1]).read(); sys.exit('no such key: ' + text + ' (' + text.split()[1] + ')')"
    )
    judge = python_validator(code, "{stage}" + host.at("f"))
    secret = host.file("f", "password: correct-horse-battery\n", secret=True, mode=0o600)
    report = host.converge(block("a", secret, validators=(judge,)))
    assert result(report, "a").message == "judge: no such key: (secret)\n ((secret))"
    assert "battery" not in report.to_json()
