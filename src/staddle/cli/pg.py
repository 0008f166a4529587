"""`staddle pg`: the PostgreSQL clusters that the inventory names."""

from __future__ import annotations

import difflib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from staddle.cli import pg_prepare
from staddle.cli.options import HERE, Inventory, Json, Yes
from staddle.cli.output import out, print_json, say
from staddle.cli.places import Directory, Fleet, place as whom
from staddle.drive import roles
from staddle.drive.sandbox import Sandbox
from staddle.errors import DeclinedError, InventoryError, StaddleError
from staddle.inventory import load_inventory, parse_inventory, report
from staddle.inventory.clusters import Instance, add, instances, remove, values
from staddle.inventory.scaffold import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

app = typer.Typer(name="pg", help="PostgreSQL clusters of the inventory.", no_args_is_help=True)

Hosts = Annotated[list[str] | None, typer.Option("--host", help="Address of a host; several with commas, or repeated.")]
DryRun = Annotated[bool, typer.Option("--check", help="Only show what would be changed.")]


def register(parent: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("prepare")(pg_prepare.prepare)
    parent.add_typer(app, rich_help_panel="The inventory")


@app.command("ls")
def list_clusters(inventory: Fleet = None, directory: Directory = None, as_json: Json = False) -> None:
    """Which clusters there are, and their instances: the role that the inventory names, and the one that they have now.

    What they are now is asked of the metrics store of the inventory given with `-i`, through the portal; otherwise of that of
    the sandbox here, if there is one, or else of `./staddle.yml`.

    Examples:

        staddle pg ls
        staddle pg ls -i fleet.yml --json
    """
    path = inventory or HERE
    fleet = load_inventory(path).fleet
    found = instances(fleet)
    if not found and not as_json:
        say("there is no PostgreSQL in the inventory; `staddle pg add` names some")
        return
    place = path if inventory else whom(None, directory)
    try:
        now = roles.of_sandbox(place) if isinstance(place, Sandbox) else roles.of_fleet(fleet, place)
    except StaddleError as error:
        now = {}
        say(f"what they are now is not known: {escape(error.message)}")
    if as_json:
        print_json([{**asdict(instance), "now": now.get(instance.ins)} for instance in found])
        return
    table = Table("cluster", "instance", "role", "now", "host", "port", "watched by", box=None, header_style="bold")
    for one in found:
        table.add_row(one.cluster, one.ins, one.role or "-", _now(one, now), one.ip or "-", str(one.port),
                      one.watched_by or "its host")  # fmt: skip
    out.print(table)


@app.command("add")
def add_cluster(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster.")],
    host: Hosts = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Variable of the cluster, name=value; may be repeated.")
    ] = None,
    watched_by: Annotated[
        str | None,
        typer.Option("--watched-by", help="For managed instances: the node that watches the hosts from afar."),
    ] = None,
    inventory: Inventory = HERE,
    check: DryRun = False,
    yes: Yes = False,
) -> None:
    """Name a cluster in the inventory, or further hosts of one. Comments and layout stay as they are.

    The first host of a new cluster is its primary. PostgreSQL itself is not touched: `staddle apply` watches it then.
    Hosts where Staddle has no access (managed instances, say) are watched by another node, usually an INFRA node.

    Examples:

        staddle pg add pg-orders --host 10.10.10.11,10.10.10.12
        staddle pg add pg-orders --host 10.10.10.13
        staddle pg add pg-shop --host 10.10.10.21 --set pgbouncer_enabled=true --set pg_port=5433
        staddle pg add pg-rds --host db.example.com --watched-by 10.10.10.10
    """
    variables = values(setting or [])
    _change(inventory, lambda text: add(text, cluster, _split(host), variables, watched_by), check=check, yes=yes)


@app.command("rm")
def remove_cluster(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster.")],
    host: Hosts = None,
    inventory: Inventory = HERE,
    check: DryRun = False,
    yes: Yes = False,
) -> None:
    """Take a cluster, or some hosts of one, out of the inventory. PostgreSQL itself is not touched.

    Examples:

        staddle pg rm pg-orders
        staddle pg rm pg-orders --host 10.10.10.13 --yes
    """
    _change(inventory, lambda text: remove(text, cluster, _split(host)), check=check, yes=yes)


def _now(instance: Instance, now: Mapping[str, str]) -> str:
    role = now.get(instance.ins, "?")
    usual = role == instance.role or (not instance.role and role in {"primary", "replica"})
    return role if usual else f"[yellow]{role}[/]"


def _split(hosts: list[str] | None) -> list[str]:
    return [address.strip() for item in hosts or [] for address in item.split(",") if address.strip()]


def _change(path: Path, edit: Callable[[str], str], *, check: bool, yes: bool) -> None:
    """Show what an edit does, see that the inventory is valid with it, ask, and write."""
    known = {(problem.path, problem.message) for problem in load_inventory(path).warnings}
    before = path.read_bytes().decode("utf-8")
    after = edit(before)
    try:
        loaded = parse_inventory(after, str(path))
    except InventoryError as error:
        sys.stderr.write(report.render(error.problems, after) + "\n")
        raise StaddleError("the inventory would not be valid, and was not changed") from None
    sys.stdout.writelines(_diff(before, after, path))
    if new := [problem for problem in loaded.warnings if (problem.path, problem.message) not in known]:
        sys.stderr.write(report.render(new, after) + "\n")
    if check:
        return
    if not yes and sys.stdin.isatty() and not typer.confirm("Write this?", default=True, err=True):
        raise DeclinedError("nothing was changed")
    _write(path, after)
    weak = "; " + "a password in it is well known" if loaded.weak_secrets else ""
    say(f"wrote {path}{weak}; next: staddle plan -i {path}")


def _diff(before: str, after: str, path: Path) -> list[str]:
    """What was changed, without the secrets that stand in the same lines."""
    old, new = report.without_secrets(before), report.without_secrets(after)
    return [f"{line}\n" for line in difflib.unified_diff(old, new, str(path), str(path), lineterm="")]


def _write(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777
    target = path.resolve()
    write_private(target, text, force=True)
    target.chmod(mode)
