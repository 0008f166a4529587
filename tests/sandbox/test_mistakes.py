"""What goes wrong is said in full, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sandbox.stack import Stack, wait_for

if TYPE_CHECKING:
    from pathlib import Path

FIVE_MISTAKES = """\
all:
  children:
    infra:
      hosts:
        10.10.10.300: { infra_seq: 1 }
        10.10.10.10: { infra_seq: one }
  vars:
    nginx_prot: 8080
    vmetrics_scrape_interval: soon
    infra_portal:
      home: { domain: i.staddle }
      wiki: { domain: wiki.staddle, endpiont: "127.0.0.1:9000" }
"""


def test_five_mistakes_are_one_report_with_five_positions(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.write(FIVE_MISTAKES)
    result = stack.run("up", "-i", str(stack.inventory))
    assert result.returncode == 1
    where = [f"fleet.yml:{line}" for line in ("5:9", "6:35", "8:5", "9:31", "12:37")]
    assert [place for place in where if place not in result.stderr] == []
    for words in ("nginx_port", "endpoint", "10.10.10.300", "is not a duration"):
        assert words in result.stderr
    assert not stack.root.exists()


def test_a_program_that_refuses_its_flags_is_rolled_back(stack: Stack) -> None:
    assert stack.inventory
    good = stack.inventory.read_text(encoding="utf-8")
    stack.write(good + '    vmetrics_options: "-retentionPeriod=15d -noSuchFlag=1"\n')
    try:
        failed = stack.up(ok=False)
    finally:
        stack.write(good)
    [block] = [b for b in failed["report"]["blocks"] if b["outcome"] != "ok"]
    assert failed["exit"] == 1
    assert (block["component"], block["outcome"]) == ("vmetrics", "rolled back")
    assert "noSuchFlag" in block["log_tail"]
    wait_for("VictoriaMetrics to be back as it was", lambda: stack.query("up") is not None)
    assert stack.up()["report"]["totals"]["changed"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "there is no sandbox in"),
        (["logs", "vmetrics"], "there is no sandbox in"),
        (["up", "-i", "no-such-file.yml"], "can't be read"),
        (["up", "--node", "10.9.9.9"], "10.9.9.9 is not an INFRA node (there are: 127.0.0.1)"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(arguments: list[str], words: str, tmp_path: Path) -> None:
    result = Stack(tmp_path).run(*arguments)
    assert result.returncode == 1
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_a_directory_that_programs_cannot_name_is_refused(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "my box")
    stack.home.mkdir()
    result = stack.run("up")
    assert result.returncode == 1
    assert "' '" in result.stderr
    assert "--dir" in result.stderr
