"""`staddle check` and `staddle init` as a user meets them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner, Result

from staddle.cli.inventory import register
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "all: { children: { infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } } } }\n"
app = typer.Typer()
register(app)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    """What the command line prints, with the hint, when a command raises StaddleError."""
    error = run(*arguments).exception
    assert isinstance(error, StaddleError)
    return f"{error.message}\n{error.hint}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "staddle.yml"
    path.write_text(GOOD, "utf-8")
    return path


def test_check_teaches_what_a_valid_inventory_says(file: Path) -> None:
    result = run("check", file)
    assert result.exit_code == 0
    for text in ("is valid", "1: infra-1 (10.0.0.1)", "https://i.staddle", "vmetrics", "alert_receivers"):
        assert text in result.output


def test_check_reports_all_mistakes_and_fails(file: Path) -> None:
    file.write_text(
        GOOD.replace("infra_seq: 1", "infra_seq: x, nginx_prot: 1, grafana_admin_password: pigsty"), "utf-8"
    )
    result = run("check", file)
    assert result.exit_code == 1
    assert f"--> {file}:1:" in result.output
    assert "did you mean 'nginx_port'?" in result.output
    assert "2 errors, 1 warning" in result.output


def test_check_prints_json(file: Path) -> None:
    data = json.loads(run("check", file, "--json").output)
    assert (data["ok"], data["problems"], data["weak_secrets"]) == (True, [], [])
    assert data["summary"]["infra"] == [{"ip": "10.0.0.1", "name": "infra-1", "infra_seq": 1}]

    file.write_text(GOOD.replace("infra_seq: 1", "infra_seq: 1, nginx_port: 0"), "utf-8")
    result = run("check", file, "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["problems"] == [{
        "severity": "error", "file": str(file), "line": 1, "column": 76, "message": "is out of range",
        "path": "all.children.infra.hosts.10.0.0.1.nginx_port", "found": "0", "allowed": "1 to 65535", "nearest": None,
    }]  # fmt: skip


def test_check_is_stricter_on_demand(file: Path) -> None:
    file.write_text(GOOD.replace("infra_seq: 1", "infra_seq: 1, company: Example"), "utf-8")
    assert run("check", file).exit_code == 0
    assert run("check", file, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: No such file or directory"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "the inventory is empty"),
    ],
)
def test_check_survives_any_file(file: Path, content: bytes | None, message: str) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    result = run("check", file)
    assert result.exit_code == 1
    assert message in result.output


def test_check_mentions_files_that_only_ansible_reads(file: Path) -> None:
    file.with_name("group_vars").mkdir()
    assert "group_vars/ beside the inventory is not read" in run("check", file).output


@pytest.mark.parametrize("template", ["single", "laptop", "ha"])
def test_init_writes_an_inventory_that_passes_the_strict_check(tmp_path: Path, template: str) -> None:
    path = tmp_path / "new.yml"
    assert run("init", path, "--template", template).exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["new.yml"], "no temporary file is left"
    assert run("check", path, "--strict").exit_code == 0


def test_init_generates_secrets_of_its_own_each_time(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        run("init", tmp_path / name)
        texts.append((tmp_path / name).read_text("utf-8"))
    secrets = [secret for text in texts for secret in re.findall(r': "(\w{24,})"$', text, re.MULTILINE)]
    assert len(set(secrets)) == len(secrets) == 8
    assert not any("__" in text for text in texts)


def test_init_never_overwrites_unasked(file: Path) -> None:
    assert "exists already" in refusal("init", file)
    assert file.read_text("utf-8") == GOOD
    assert run("init", file, "--force", "--ip", "10.0.0.7").exit_code == 0
    assert "10.0.0.7: { infra_seq: 1 }" in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ip", "web-1"], "'web-1' is not an IP address"),
        (["--ip", "10.0.0.1", "--ip", "10.0.0.2"], "use --template ha"),
    ],
)
def test_init_refuses_what_it_cannot_write(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert message in refusal("init", tmp_path / "x.yml", *arguments)
    assert not list(tmp_path.iterdir())


def test_init_says_why_it_cannot_write(tmp_path: Path) -> None:
    assert "can't be written" in refusal("init", tmp_path / "missing" / "x.yml")
