"""`staddle bundle …`: the repository, and all that Staddle needs, in one file for machines without a network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from staddle.cli import output
from staddle.drive.rundir import admin_directory
from staddle.drive.sandbox import INVENTORY
from staddle.errors import StaddleError
from staddle.inventory import load_inventory
from staddle.inventory.proxy import environment
from staddle.programs.provision import Step
from staddle.programs.proxied import proxied
from staddle.repo import bundle as bundles
from staddle.repo.model import Target, known_targets
from staddle.repo.offline import actions
from staddle.repo.offline.archive import Bundle, BundleError
from staddle.repo.publish import HOME, WHEELS
from staddle.repo.signing import open_signer
from staddle.repo.wheelhouse import collect, pythons_of

commands = typer.Typer(
    name="bundle",
    help="Offline bundles: the package repository and Staddle itself in one file.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

InventoryOption = Annotated[Path, typer.Option("-i", "--inventory", help="The inventory.", show_default=True)]
AdminOption = Annotated[
    Path | None, typer.Option("--admin", help="The ADMIN node's files. Default: `files/` beside the inventory.")
]
KeyOption = Annotated[Path | None, typer.Option("--key", help="The public key that must have signed it.")]
BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(commands, rich_help_panel="Packages")


@commands.command()
def wheels(
    inventory: InventoryOption = INVENTORY,
    admin: AdminOption = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="Release to serve, e.g. `debian-12-x86_64`; again for more.")
    ] = None,
) -> None:
    """Fetch the Python packages that Staddle needs; the next `staddle repo build` makes them part of the repository.

    Examples:

        staddle bundle wheels --target debian-12-x86_64
    """
    targets = [Target.parse(text) for text in target] if target else known_targets()
    folder = _admin(inventory, admin) / WHEELS
    fleet = load_inventory(inventory).fleet if inventory.exists() else None
    with output.reporting() as reporter, proxied(environment(fleet, fleet.infra[0]) if fleet else {}):
        found = collect(folder, pythons_of(targets), targets[0].arch, lambda text: reporter.step(Step(text)))
    output.out.print(f"{len(found)} wheels in {folder}")


@commands.command()
def build(
    inventory: InventoryOption = INVENTORY,
    admin: AdminOption = None,
    destination: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write.")] = None,
    since: Annotated[Path | None, typer.Option("--since", help="Only what this older bundle lacks: a delta.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write the repository, the wheels, the collection and the docs to one file, signed.

    Examples:

        staddle bundle build
        staddle bundle build -o new.bundle --since old.bundle
    """
    params = load_inventory(inventory).fleet.nodes[0].params
    files = _admin(inventory, admin)
    started = time.monotonic()
    signer = open_signer(files / "pki", f"{params.repo_name} package repository", int(time.time()))
    path = destination or bundles.default_path(
        inventory.absolute().parent, params.cache_pkg_dir, params.cache_pkg_name, files / HOME, params.repo_name
    )
    built = bundles.build(files / HOME, params.repo_name, signer, path, since=since)
    if json_output:
        output.print_json({"path": str(built.path), "size": built.size, "files": built.files})
        return
    output.out.print(f"{built.path}: {built.files} files, {built.size / 2**20:.1f} MiB, signature beside it")
    output.say(f"  in {time.monotonic() - started:.1f} s")


@commands.command()
def verify(
    bundle: BundleArgument,
    key: KeyOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Whether every file of a bundle is as it was signed. Needs no network; exit code 1 names what is wrong.

    Examples:

        staddle bundle verify staddle.bundle
    """
    try:
        problems = actions.verify(str(bundle), str(key) if key else None)
        with Bundle(str(bundle)) as opened:
            manifest = opened.manifest
    except (BundleError, OSError) as error:
        problems, manifest = str(error).splitlines(), None
    if json_output:
        output.print_json({"ok": not problems, "problems": problems, "key": manifest.key if manifest else None})
    elif not problems and manifest:
        output.out.print(f"{len(manifest.files)} files are as they were signed by key {manifest.key}")
    if problems:
        if not json_output:
            for problem in problems:
                output.print_error(StaddleError(problem))
        raise typer.Exit(1)


@commands.command()
def install(
    bundle: BundleArgument,
    directory: Annotated[Path, typer.Option("--dir", help="For Staddle itself.")] = Path(actions.DIRECTORY),
    admin: Annotated[Path, typer.Option("--admin", help="The ADMIN node's files, beside the inventory.")] = Path(
        actions.ADMIN
    ),
    key: KeyOption = None,
) -> None:
    """Verify a bundle and install what is in it. Where there is no Staddle yet: `python3 BUNDLE install`.

    Examples:

        staddle bundle install staddle.bundle
    """
    try:
        actions.install(str(bundle), str(directory), str(admin), str(key) if key else None, output.say)
    except (BundleError, OSError) as error:
        raise StaddleError(str(error)) from error


@commands.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD")],
    new: Annotated[Path, typer.Argument(metavar="NEW")],
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """What is different between two bundles. Exit code 2 if anything is.

    Examples:

        staddle bundle diff old.bundle new.bundle
    """
    try:
        with Bundle(str(old)) as before, Bundle(str(new)) as after:
            found = actions.compare(before, after)
    except (BundleError, OSError) as error:
        raise StaddleError(str(error)) from error
    differs = bool(found.added or found.removed or found.changed)
    if json_output:
        output.print_json(
            {"added": found.added, "removed": found.removed, "changed": found.changed, "size": found.size}
        )
    else:
        for mark, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
            for path in paths:
                output.out.print(f"{mark} {path}", markup=False)
        output.say(f"a delta would carry {found.size / 2**20:.1f} MiB" if differs else "no difference")
    if differs:
        raise typer.Exit(2)


@commands.command()
def apply(
    old: Annotated[Path, typer.Argument(metavar="OLD")],
    delta: Annotated[Path, typer.Argument(metavar="DELTA")],
    destination: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write.")],
) -> None:
    """Make the new bundle from an old one and a delta: the same bytes as if it had been carried whole.

    Examples:

        staddle bundle apply old.bundle delta.bundle -o new.bundle
    """
    try:
        actions.apply_delta(str(old), str(delta), str(destination))
    except (BundleError, OSError) as error:
        raise StaddleError(str(error)) from error
    output.out.print(str(destination))


def _admin(inventory: Path, admin: Path | None) -> Path:
    return admin.absolute() if admin else admin_directory(inventory)
