"""The commands as a whole."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from staddle.cli.main import TOPICS, app, load

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("topic", TOPICS)
def test_each_module_brings_the_commands_that_it_is_loaded_for(topic: str) -> None:
    parent = typer.Typer()
    import_module(f"staddle.cli.{topic}").register(parent)
    group = typer.main.get_group(parent)
    assert tuple(group.commands) == TOPICS[topic]


def test_every_command_has_examples_and_help_knows_them_all() -> None:
    shown = _staddle("--help")
    for topic, names in TOPICS.items():
        parent = typer.Typer()
        import_module(f"staddle.cli.{topic}").register(parent)
        for name, command in typer.main.get_group(parent).commands.items():
            assert f" {name} " in shown
            commands = getattr(command, "commands", {name: command}).values()
            without = [one.name for one in commands if "Examples:" not in (one.help or "")]
            assert not without, f"{topic}: {without}"
        assert names


def test_help_shows_each_example_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "240")
    load(None)
    for path, command in _commands(typer.main.get_group(app)):
        shown = CliRunner().invoke(app, [*path, "--help"]).output
        lines = [line.strip() for line in shown.splitlines()]
        _, _, examples = inspect.cleandoc(command.help or "").partition("Examples:")
        missing = [line for line in examples.split("\n") if line.strip() and line.strip() not in lines]
        assert not missing, f"staddle {' '.join(path)} --help: {missing}"


def test_help_shows_patterns_as_they_are() -> None:
    assert "DIR/rules/<module>/*.yml" in " ".join(_staddle("rules", "test", "--help").replace("│", " ").split())


def test_a_command_that_is_none_is_told_with_the_nearest() -> None:
    done = subprocess.run([sys.executable, "-m", "staddle", "aply"], capture_output=True, text=True, check=False)
    assert (done.returncode, "apply" in done.stderr) == (2, True)


def _commands(group: Any, *path: str) -> Iterator[tuple[list[str], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, *path, name)
        else:
            yield [*path, name], command


def _staddle(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "staddle", *arguments], capture_output=True, text=True, check=True
    ).stdout
