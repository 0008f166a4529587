"""The commands as a whole."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from staddle.cli.main import TOPICS


@pytest.mark.parametrize("topic", TOPICS)
def test_each_module_brings_the_commands_that_it_is_loaded_for(topic: str) -> None:
    app = typer.Typer()
    import_module(f"staddle.cli.{topic}").register(app)
    group = typer.main.get_group(app)
    assert tuple(group.commands) == TOPICS[topic]


def test_every_command_has_examples_and_help_knows_them_all() -> None:
    shown = _staddle("--help")
    for topic, names in TOPICS.items():
        app = typer.Typer()
        import_module(f"staddle.cli.{topic}").register(app)
        for name, command in typer.main.get_group(app).commands.items():
            assert f" {name} " in shown
            commands = getattr(command, "commands", {name: command}).values()
            without = [one.name for one in commands if "Examples:" not in (one.help or "")]
            assert not without, f"{topic}: {without}"
        assert names


def test_a_command_that_is_none_is_told_with_the_nearest() -> None:
    done = subprocess.run([sys.executable, "-m", "staddle", "aply"], capture_output=True, text=True, check=False)
    assert (done.returncode, "apply" in done.stderr) == (2, True)


def _staddle(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "staddle", *arguments], capture_output=True, text=True, check=True
    ).stdout
