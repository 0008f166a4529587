"""Commands for real hosts: plan, apply, drift, rollback, remove, register, fleet fetch, fleet env."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from staddle.cli.fleet_output import as_data, print_drift, print_outcome, print_plans
from staddle.cli.options import HERE, Forks, Inventory, Json, Limit, Tags, Yes, with_login
from staddle.cli.output import err, out, print_json, reporting, say
from staddle.cli.progress import watching
from staddle.drive import fetching, fleet as engine, plans
from staddle.drive.compilation import REGISTER
from staddle.drive.login import Login
from staddle.drive.tracing import traced
from staddle.errors import FleetError
from staddle.programs.provision import Step

if TYPE_CHECKING:
    from collections.abc import Callable

PANEL = "Real hosts"

group = typer.Typer(
    name="fleet",
    help="For ADMIN nodes without a network, and for those who run `ansible-playbook` themselves.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(with_login(command))
    app.add_typer(group, rich_help_panel=PANEL)


def plan(
    *,
    inventory: Inventory = HERE,
    limit: Limit = None,
    tags: Tags = None,
    save: Annotated[Path | None, typer.Option("--out", help="Save the plan, for `apply --plan`.")] = None,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """Show what `apply` would do, host by host and file by file, and change nothing.

    The hosts are asked; what is shown is what will happen. Secrets are not shown. Exit 0: nothing to do, 2: changes,
    1: something is wrong.

    Examples:

        staddle plan
        staddle plan -i fleet.yml --limit infra --tags nginx
        staddle plan --out monday.plan
    """
    outcome = _run(
        engine.Request(inventory, "deploy", limit, tags, check=True, forks=forks, login=login), as_json=as_json
    )
    if save:
        plans.save({**outcome.plan, "limit": limit, "tags": tags}, save)
        say(f"saved in {escape(str(save))}: `staddle apply -i {inventory} --plan {save}` does that, and only that")
    _leave(outcome, differs=2)


def apply(
    *,
    inventory: Inventory = HERE,
    limit: Limit = None,
    tags: Tags = None,
    saved: Annotated[Path | None, typer.Option("--plan", help="Do what this saved plan says, or nothing.")] = None,
    yes: Yes = False,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """Make the hosts what the inventory says: install, write, and restart only what changed.

    At a terminal it shows what it would do and asks; not with `--yes`, `--json` or `--plan`, and not in a script, where
    nobody could answer. A host that can't be reached is reported, and doesn't stop the others. Interrupted in any way,
    the next run finishes it. Exit 0: everything is as it should be, 1: something isn't, or you said no.

    Examples:

        staddle apply
        staddle apply --yes
        staddle apply -i fleet.yml --limit 10.10.10.12
        staddle apply --plan monday.plan
    """
    variables: dict[str, Any] = {}
    if saved:
        if limit or tags:
            raise FleetError("a saved plan has its own --limit and --tags", hint="make a plan with others")
        kept = plans.read(saved)
        limit, tags = kept["limit"], kept["tags"]
        variables = {"staddle_plan": str(saved.absolute())}
    request = engine.Request(inventory, "deploy", limit, tags, forks=forks, variables=variables, login=login)
    asks = sys.stdin.isatty() and err.is_terminal and not (yes or saved or as_json)
    _leave(_run(request, as_json=as_json, asks=asks))


def register_targets(
    *,
    inventory: Inventory = HERE,
    limit: Limit = None,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """Bring only the registrations on INFRA nodes up to date: scrape targets, probes, DNS records.

    They are part of every `apply`; this is the quick way after adding a node. It applies the components that are made
    of them, and nothing else.

    Examples:

        staddle register
    """
    request = engine.Request(inventory, "infra", limit, REGISTER, forks=forks, login=login)
    _leave(_run(request, as_json=as_json))


def drift(
    *,
    inventory: Inventory = HERE, limit: Limit = None, tags: Tags = None, forks: Forks = engine.FORKS,
    as_json: Json = False, login: Login,
) -> None:  # fmt: skip
    """What is no longer as the last `apply` left it: edited, missing or stopped by somebody else.

    Exit 0: nothing, 2: something, 1: a host gave no answer.

    Examples:

        staddle drift
        staddle drift --json --limit infra
    """
    outcome = _ask(engine.Request(inventory, "drift", limit, tags, forks=forks, login=login), as_json=as_json)
    if as_json:
        print_json({"hosts": {host.ip: {"error": host.error, "drift": host.answer} for host in outcome.hosts}})
    else:
        print_drift(outcome)
    if outcome.failed:
        raise typer.Exit(1)
    if any(host.answer for host in outcome.hosts):
        raise typer.Exit(2)


def rollback(
    *,
    inventory: Inventory = HERE,
    limit: Limit = None,
    tags: Tags = None,
    generation: Annotated[
        int | None, typer.Option("--generation", min=1, help="Of the host's ledger. Default: before the last change.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change.")] = False,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """Go back to what was there before the last change of what a host shall be.

    It works without the inventory's older version: each host keeps what it had. The next `apply` goes forward again,
    so mend the inventory before it.

    Examples:

        staddle rollback --limit 10.10.10.10 --tags nginx
        staddle rollback --check
    """
    variables = {} if generation is None else {"staddle_generation": generation}
    request = engine.Request(
        inventory, "rollback", limit, tags, check=check, forks=forks, variables=variables, login=login
    )
    _leave(_run(request, as_json=as_json), differs=2 if check else 0)


def remove(
    *,
    inventory: Inventory = HERE,
    limit: Limit = None,
    tags: Tags = None,
    data: Annotated[bool, typer.Option("--data", help="Also delete metrics, logs and all other data.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only show what would be removed.")] = False,
    yes: Yes = False,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """Remove exactly what was installed: what others made, or changed beside it, stays. Data stays without --data.

    To take a node out of the fleet, remove it here, then from the inventory, and `apply`: that's how the others forget it.

    Examples:

        staddle remove --limit 10.10.10.12
        staddle remove --tags blackbox --check
    """
    if not (yes or check):
        what = f"components {tags}" if tags else "everything that Staddle installed"
        kept = " WITH ALL DATA" if data else ", keeping data"
        typer.confirm(f"Remove {what} from {limit or 'ALL hosts'}{kept}?", abort=True, err=True)
    variables = {"staddle_confirm": "yes", "staddle_data": data}
    request = engine.Request(
        inventory, "node_rm", limit, tags, check=check, forks=forks, variables=variables, login=login
    )
    _leave(_run(request, as_json=as_json), differs=2 if check else 0)


@group.command("fetch")
def fetch(
    inventory: Inventory = HERE,
    releases: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="RELEASE[/ARCH]", help="What hosts are that were never seen. May be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch what hosts may have to be sent, for an ADMIN node that will have no network when it reaches them.

    `plan` and `apply` fetch by themselves what they need; this looks for newer versions of that, and asks no host. It goes
    by how hosts were last seen. What is fetched is in STADDLE_CACHE (default: ~/.cache/staddle); take that along, and
    `files/` beside the inventory. Exit 0: all is there, 1: something can't be had.

    Examples:

        staddle fleet fetch
        staddle fleet fetch --for bookworm --for trixie/arm64
    """
    with reporting(quiet=as_json) as reporter:
        found = fetching.fetch(inventory, releases or (), lambda text: reporter.step(Step(text)))
    if as_json:
        print_json({"hosts": {item.name: asdict(item) for item in found}})
    for item in found if not as_json else ():
        out.print(f"{item.name}: {item.files} files, {item.size / 1e6:.0f} MB", highlight=False, markup=False)
        for line in (*item.programs, *item.problems):
            out.print(f"  {line}", highlight=False, markup=False)
    if any(item.problems for item in found):
        raise typer.Exit(1)


@group.command("env")
def env() -> None:
    """Print what `ansible-playbook` needs in its environment to run our playbooks by itself.

    Examples:

        eval "$(staddle fleet env)"
        ansible-playbook staddle.infra.deploy -i staddle.yml --check --diff
    """
    for name, value in engine.environment().items():
        out.print(f"export {name}={shlex.quote(value)}", markup=False)


COMMANDS: dict[str, Callable[..., None]] = {
    "plan": plan,
    "apply": apply,
    "register": register_targets,
    "drift": drift,
    "rollback": rollback,
    "remove": remove,
}


def _ask(request: engine.Request, *, as_json: bool, asks: bool = False) -> engine.Outcome:
    if not request.inventory.exists():
        raise FleetError(f"there is no {request.inventory}", hint="`staddle init` writes one; -i names another")
    with (
        watching(quiet=as_json) as watch,
        traced(f"staddle {'plan' if request.check else request.playbook}", say) as trace,
    ):

        def on_progress(progress: engine.Progress) -> None:
            watch(progress)
            trace.progress(progress)

        def confirm(planned: engine.Outcome) -> bool:
            watch.stop()
            print_plans(planned)
            answer: bool = typer.confirm("Do this?", err=True)

            return answer

        outcome = engine.run(request, on_progress, confirm if asks else None)
        trace.failed = outcome.failed
        return outcome


def _run(request: engine.Request, *, as_json: bool, asks: bool = False) -> engine.Outcome:
    started = time.monotonic()
    outcome = _ask(request, as_json=as_json, asks=asks)
    seconds = time.monotonic() - started
    if as_json:
        print_json(as_data(outcome, seconds))
    else:
        print_outcome(outcome, seconds, check=request.check, told=asks)
    return outcome


def _leave(outcome: engine.Outcome, *, differs: int = 0) -> None:
    if outcome.failed:
        raise typer.Exit(1)
    if outcome.changed and differs:
        raise typer.Exit(differs)
