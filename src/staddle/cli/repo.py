"""`staddle repo …`: the package repository. Arguments and printing only."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from staddle.cli.output import err, out, print_json
from staddle.cli.transfers import watching
from staddle.drive.rundir import admin_directory
from staddle.errors import StaddleError
from staddle.inventory import load_inventory
from staddle.inventory.proxy import environment
from staddle.repo.model import RepoError, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.repo.build import Plan, Repository
    from staddle.repo.changes import Changes
    from staddle.repo.solver.report import Trouble

app = typer.Typer(
    no_args_is_help=True, help="The package repository that nodes install from: build it and look after it."
)

Inventory = Annotated[Path, typer.Option("--inventory", "-i", help="The inventory.")]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="Only this release, as in `debian-12-x86_64`. May be given several times."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Update = Annotated[bool, typer.Option("--update", "-u", help="Take the newest versions, not those of `repo.lock`.")]
DEFAULT = Path("staddle.yml")
_SHOWN = 40


def register(main: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    main.add_typer(app, name="repo", rich_help_panel="Packages")


@app.command()
def build(
    inventory: Inventory = DEFAULT, target: Targets = None, update: Update = False, as_json: AsJson = False
) -> None:
    """Resolve, download, index, sign, and serve the packages that the inventory asks for.

    All names are resolved first; if one is unknown or conflicts, everything that is wrong is told, nothing is downloaded,
    and the exit code is 1. What is resolved is frozen in `repo.lock` beside the inventory: commit it. An unchanged list is
    then built from the same files. May be interrupted at any time: the same command goes on where it was.

    Examples:

        staddle repo build
        staddle repo build --update --target debian-12-x86_64
    """
    repository = _open(inventory)
    with _troubles_as(as_json), watching(quiet=as_json) as watch:
        built = repository.build(watch, only=_targets(target), update=update)
    plan = built.plan
    if as_json:
        data = {"changed": built.published.changed, "downloaded_bytes": built.downloaded, **_plan_data(plan),
                "path": str(repository.home / repository.name)}  # fmt: skip
        print_json({"ok": True, **data})
        return
    _warn(plan)
    for part in plan.lock.targets:
        out.print(f"{part.target.key}: {len(part.packages)} packages, {decimal(part.size)}")
    for changes in plan.changes:
        _print_changes(changes)
    what = "published" if built.published.changed else "unchanged"
    out.print(f"{what}: {repository.home / repository.name} ({decimal(built.downloaded)} downloaded)")


@app.command()
def plan(
    inventory: Inventory = DEFAULT, target: Targets = None, update: Update = False, as_json: AsJson = False
) -> None:
    """Tell what `build` would change. Only indexes are fetched. Exit code 0: nothing, 2: something, 1: it would fail.

    Examples:

        staddle repo plan
        staddle repo plan --update --json
    """
    repository = _open(inventory)
    with _troubles_as(as_json), watching(quiet=as_json) as watch:
        found = repository.plan(watch, only=_targets(target), update=update)
    if as_json:
        print_json({"ok": True, "differs": bool(found), **_plan_data(found)})
    else:
        _warn(found)
        for changes in found.changes:
            _print_changes(changes)
        for name in found.unseen:
            out.print(f"  [yellow]?[/] {escape(name)} is downloaded to know what it is")
        if not found:
            out.print("nothing would change")
        elif not any(found.changes) and not found.unseen:
            missing = sum(changes.missing for changes in found.changes)
            out.print(f"what is locked is not built yet; {decimal(missing)} to download")
    if found:
        raise typer.Exit(2)


@app.command()
def add(
    items: Annotated[list[str], typer.Argument(help="Names as in `repo_packages`, or files of packages.")],
    inventory: Inventory = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Add packages to the repository and build it.

    Names go into `repo.packages` beside the inventory, which is read like `repo_packages`; the others keep their versions.
    Files (`./my-tool_1.0_amd64.deb`) are kept with the repository. If the build fails, nothing is added.

    Examples:

        staddle repo add patroni
        staddle repo add ./my-tool_1.0_amd64.deb
    """
    repository = _open(inventory)
    with _troubles_as(as_json), watching(quiet=as_json) as watch:
        built = repository.add(items, watch)
    if as_json:
        print_json({"ok": True, "changed": built.published.changed, **_plan_data(built.plan)})
        return
    _warn(built.plan)
    for changes in built.plan.changes:
        _print_changes(changes)
    out.print("published" if built.published.changed else "it was all there already")


@app.command()
def verify(inventory: Inventory = DEFAULT, as_json: AsJson = False) -> None:
    """Read and hash everything that is locked and served. Exit code 0: as it should be, 1: not; says which file is wrong.

    Examples:

        staddle repo verify
    """
    repository = _open(inventory)
    with watching(quiet=as_json) as watch:
        problems = repository.verify(watch)
    if as_json:
        print_json({"ok": not problems, "problems": problems})
    for problem in problems if not as_json else ():
        out.print(f"[red]✗[/] {escape(problem)}")
    if problems:
        raise typer.Exit(1)
    if not as_json:
        out.print("the repository is what the lock says, and signed")


@app.command()
def prune(
    inventory: Inventory = DEFAULT,
    everything: Annotated[bool, typer.Option("--all", help="Also indexes and vendors' keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove from the cache what no repository uses any more, and what is left of downloads that were given up.

    Examples:

        staddle repo prune
        staddle repo prune --all
    """
    files, size = _open(inventory).prune(everything=everything)
    if as_json:
        print_json({"files": files, "bytes": size})
    else:
        out.print(f"removed {files} files, {decimal(size)}")


@app.command("ls")
def list_packages(
    pattern: Annotated[str, typer.Argument(help="Names of packages, with `*`.")] = "*",
    inventory: Inventory = DEFAULT,
    target: Targets = None,
    as_json: AsJson = False,
) -> None:
    """List what is in the repository, as `repo.lock` has it.

    Examples:

        staddle repo ls 'postgresql-*'
    """
    from fnmatch import fnmatchcase  # noqa: PLC0415

    from staddle.repo.changes import as_data  # noqa: PLC0415

    lock, only = _open(inventory).lock(), _targets(target)
    rows = [(part.target.key, package) for part in lock.targets if not only or part.target in only
            for package in part.packages if fnmatchcase(package.name, pattern)]  # fmt: skip
    if as_json:
        print_json([{"target": key, **as_data(package)} for key, package in rows])
        return
    table = Table("target", "package", "version", "arch", "size", "from", box=None, pad_edge=False)
    for key, package in rows:
        table.add_row(key, package.name, package.version, package.arch, decimal(package.size), package.origin)
    out.print(table if rows else "nothing")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A lock.")],
    new: Annotated[Path | None, typer.Argument(help="Another one. Default: the inventory's `repo.lock`.")] = None,
    inventory: Inventory = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Compare two locks: what is added, removed, and exchanged. Exit code 0: they're the same, 2: they differ.

    Examples:

        staddle repo diff old/repo.lock
        staddle repo diff old/repo.lock new/repo.lock --json
    """
    from staddle.repo.changes import changes  # noqa: PLC0415
    from staddle.repo.lock import read_lock  # noqa: PLC0415
    from staddle.repo.model import LOCK_NAME  # noqa: PLC0415

    before, after = read_lock(old), read_lock(new or inventory.with_name(LOCK_NAME))
    targets = sorted({part.target for part in (*before.targets, *after.targets)})
    found = [changes(target, before.of(target), after.of(target)) for target in targets]
    if as_json:
        print_json([changed.to_data() for changed in found])
    for changed in found if not as_json else ():
        _print_changes(changed)
    if any(found):
        raise typer.Exit(2)


def _open(inventory: Path) -> Repository:
    try:
        from staddle.repo.build import Repository  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StaddleError(f"building a repository needs {error.name}", hint="pip install 'staddle[repo]'") from error
    loaded = load_inventory(inventory)
    os.environ.update(environment(loaded.fleet, loaded.fleet.infra[0]))  # for as long as this program runs
    return Repository(loaded.fleet, inventory.absolute(), admin_directory(inventory))


def _targets(texts: Sequence[str] | None) -> list[Target]:
    return [Target.parse(text) for text in texts or ()]


def _plan_data(plan: Plan) -> dict[str, object]:
    return {
        "targets": [
            {"target": part.target.key, "packages": len(part.packages), "bytes": part.size, "lock": part.digest}
            for part in plan.lock.targets
        ],
        "changes": [changes.to_data() for changes in plan.changes],
        "unseen": list(plan.unseen),
        "built": plan.built,
        "warnings": list(plan.warnings),
    }


def _warn(plan: Plan) -> None:
    for warning in plan.warnings:
        err.print(f"[yellow]warning:[/] {escape(warning)}")


def _print_changes(changes: Changes) -> None:
    lines = [f"  [green]+[/] {escape(f'{p.name} {p.version}')}" for p in changes.added]
    lines += [f"  [red]-[/] {escape(f'{p.name} {p.version}')}" for p in changes.removed]
    lines += [f"  [yellow]~[/] {escape(f'{a.name} {a.version} → {b.version}')}" for a, b in changes.changed]
    if lines:
        download = f", {decimal(changes.missing)} to download" if changes.missing else ""
        out.print(f"[bold]{changes.target.key}[/]: {len(changes.added)} added, {len(changes.removed)} removed, "
                  f"{len(changes.changed)} exchanged{download}")  # fmt: skip
        for line in lines[:_SHOWN]:
            out.print(line)
        if len(lines) > _SHOWN:
            out.print(f"  [dim]… {len(lines) - _SHOWN} more (--json has them)[/]")


@contextmanager
def _troubles_as(as_json: bool) -> Iterator[None]:
    """What can't be resolved, one paragraph each; everything else that goes wrong is the caller's."""
    try:
        yield
    except RepoError as error:
        troubles: tuple[Trouble, ...] = getattr(error, "troubles", ())
        if as_json:
            data = [{"kind": t.kind, "what": t.what, "message": t.message, "target": t.target, "source": t.source,
                     "near": list(t.near), "details": list(t.details)} for t in troubles]  # fmt: skip
            print_json({"ok": False, "error": error.message, "hint": error.hint, "troubles": data})
            raise typer.Exit(1) from None
        for trouble in troubles:
            _print_trouble(trouble)
        raise


def _print_trouble(trouble: Trouble) -> None:
    where = f" [dim]({escape(trouble.source)})[/]" if trouble.source else ""
    err.print(f"[red]✗[/] [bold]{escape(trouble.what)}[/] {escape(trouble.message)} [dim]{trouble.target}[/]{where}")
    for line in trouble.details[:_SHOWN]:
        err.print(f"    {escape(line)}")
    if trouble.near:
        known = "there is" if trouble.kind == "broken" else "did you mean"
        err.print(f"    {known} {escape(', '.join(trouble.near))}{'' if trouble.kind == 'broken' else '?'}")
