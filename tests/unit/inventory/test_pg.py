"""`staddle pg`: clusters come and go in the inventory, shown before they are written, refused if they make no sense."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner, Result

from staddle.cli.pg import register
from staddle.errors import StaddleError
from staddle.inventory import load_inventory

if TYPE_CHECKING:
    from pathlib import Path

FLEET = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }   # the foundation
    databases:
      hosts:
        10.0.0.2: { pg_seq: 1, pg_role: primary }   # old machine
      vars: { pg_cluster: pg-a, pg_monitor_password: nobody-knows-this }
  vars: { grafana_admin_password: nor-this }
"""
app = typer.Typer()
register(app)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["pg", *(str(argument) for argument in arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "staddle.yml"
    path.write_text(FLEET, "utf-8")
    path.chmod(0o640)
    return path


def test_a_cluster_is_added_with_a_primary_and_replicas(file: Path) -> None:
    result = run(
        "add", "pg-b", "--host", "10.0.0.3,10.0.0.4", "--host", "10.0.0.5", "--set", "pg_port=5433", "-i", file
    )
    assert result.exit_code == 0, result.output
    assert "+    pg-b:" in result.output
    assert file.read_text("utf-8") == FLEET.replace(
        "  vars: { grafana",
        "    pg-b:\n      hosts:\n"
        "        10.0.0.3: { pg_seq: 1, pg_role: primary }\n"
        "        10.0.0.4: { pg_seq: 2, pg_role: replica }\n"
        "        10.0.0.5: { pg_seq: 3, pg_role: replica }\n"
        "      vars:\n        pg_cluster: pg-b\n        pg_port: 5433\n  vars: { grafana",
    )
    assert file.stat().st_mode & 0o777 == 0o640
    rows = json.loads(run("ls", "--json", "-i", file).stdout)
    assert [(row["ins"], row["role"], row["ip"], row["port"]) for row in rows] == [
        ("pg-a-1", "primary", "10.0.0.2", 5432), ("pg-b-1", "primary", "10.0.0.3", 5433),
        ("pg-b-2", "replica", "10.0.0.4", 5433), ("pg-b-3", "replica", "10.0.0.5", 5433),
    ]  # fmt: skip
    assert {row["now"] for row in rows} == {None}  # nothing was ever applied


def test_a_cluster_gets_a_further_host_by_the_name_it_has_not_that_of_its_group(file: Path) -> None:
    assert run("add", "pg-a", "--host", "10.0.0.9", "-i", file).exit_code == 0
    line = "        10.0.0.2: { pg_seq: 1, pg_role: primary }   # old machine\n"
    assert file.read_text("utf-8") == FLEET.replace(
        line, f"{line}        10.0.0.9: {{ pg_seq: 2, pg_role: replica }}\n"
    )


def test_what_was_added_goes_again_and_leaves_nothing(file: Path) -> None:
    for arguments in (("add", "pg-b", "--host", "10.0.0.3"), ("add", "pg-b", "--host", "10.0.0.4"),
                      ("rm", "pg-b", "--host", "10.0.0.4"), ("rm", "pg-b")):  # fmt: skip
        assert run(*arguments, "-i", file).exit_code == 0
    assert file.read_text("utf-8") == FLEET


def test_a_managed_instance_is_watched_by_a_node_and_no_longer(file: Path) -> None:
    far = ("--watched-by", "10.0.0.1")
    assert run("add", "pg-rds", "--host", "a.example.com", *far, "--set", "pg_port=6432", "-i", file).exit_code == 0
    assert run("add", "pg-rds", "--host", "b.example.com", *far, "-i", file).exit_code == 0
    first = "20001: { pg_cluster: pg-rds, pg_seq: 1, pg_host: a.example.com, pg_port: 6432 }"
    second = "20002: { pg_cluster: pg-rds, pg_seq: 2, pg_host: b.example.com }"
    both = FLEET.replace("infra_seq: 1 }", f"infra_seq: 1, pg_exporters: {{ {first}, {second} }} }}")
    assert file.read_text("utf-8") == both
    rows = json.loads(run("ls", "--json", "-i", file).stdout)
    assert [(row["ins"], row["watched_by"]) for row in rows][1:] == [("pg-rds-1", "10.0.0.1"), ("pg-rds-2", "10.0.0.1")]
    assert run("rm", "pg-rds", "--host", "a.example.com", "-i", file).exit_code == 0
    assert file.read_text("utf-8") == both.replace(f"{first}, ", "")
    assert run("rm", "pg-rds", "-i", file).exit_code == 0
    assert file.read_text("utf-8") == FLEET


def test_a_slip_in_what_is_carried_along_is_told(file: Path) -> None:
    arguments = ("add", "pg-rds", "--host", "a.example.com", "--watched-by", "10.0.0.1", "--check", "-i", file)
    said = run(*arguments, "--set", "pg_prot=1").stderr
    assert "pg_exporters.20001.pg_prot is carried along and means nothing" in said
    assert "did you mean 'pg_port'?" in said
    assert run(*arguments, "--set", "pg_databases=[]").stderr == ""


def test_only_shown_is_not_written(file: Path) -> None:
    result = run("rm", "pg-a", "--check", "-i", file)
    assert result.exit_code == 0
    assert "-    databases:" in result.output
    assert file.read_text("utf-8") == FLEET


def test_no_secret_is_shown(file: Path) -> None:
    result = run("rm", "pg-a", "-i", file)
    assert "pg_monitor_password: ********" in result.output
    assert "nobody-knows" not in result.output
    assert "nor-this" not in result.output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add", "pg-b", "--host", "10.0.0.300,x"), "no address of a host: '10.0.0.300', 'x'"),
        (("add", "pg-b"), "no address of a host"),
        (("add", "pg-b", "--host", "10.0.0.3,10.0.0.3"), "a host is named twice"),
        (("add", "pg b", "--host", "10.0.0.3"), "not a name for a cluster"),
        (("add", "infra", "--host", "10.0.0.3"), "all.children.infra is there already"),
        (("add", "pg-a", "--host", "10.0.0.3", "--set", "pg_port=1"), "variables are not changed"),
        (("add", "pg-a", "--host", "10.0.0.2"), "is there already"),
        (("add", "pg-b", "--host", "10.0.0.3", "--set", "pg_port"), "a variable is name=value"),
        (("add", "pg-r", "--host", "x", "--watched-by", "10.0.0.11"), "'10.0.0.11' is no host of the inventory"),
        (("add", "pg-r", "--host", "x,x", "--watched-by", "10.0.0.1"), "named twice: 'x'"),
        (("add", "pg-r", "--watched-by", "10.0.0.1"), "no host is named"),
        (("rm", "pg-c"), "there is no cluster 'pg-c'"),
        (("rm", "pg-a", "--host", "10.0.0.7"), "there is no all.children.databases.hosts.10.0.0.7"),
    ],
)
def test_nonsense_is_refused(arguments: tuple[str, ...], why: str, file: Path) -> None:
    error = run(*arguments, "-i", file).exception
    assert isinstance(error, StaddleError)
    assert why in error.message
    assert file.read_text("utf-8") == FLEET


@pytest.mark.parametrize(
    ("arguments", "where", "why"),
    [
        (("add", "pg-b", "--host", "10.0.0.2"), "staddle.yml:6:9", "in two pg clusters"),
        (("add", "pg-b", "--host", "10.0.0.3", "--set", "pg_prot=1"), "staddle.yml:13:9", "did you mean 'pg_port'?"),
        (("add", "pg-b", "--host", "10.0.0.3", "--set", "pg_port=x"), "staddle.yml:13:18", "a whole number"),
    ],
)
def test_what_would_not_be_valid_is_refused_with_the_place(
    arguments: tuple[str, ...], where: str, why: str, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(*arguments, "-i", file)
    assert isinstance(result.exception, StaddleError)
    said = capfd.readouterr().err + result.output
    assert where in said
    assert why in said
    assert file.read_text("utf-8") == FLEET
    assert load_inventory(file).fleet.nodes
