"""The program that a bundle is: `python3 BUNDLE verify`, `… install`, `… diff`, `… apply`."""

from __future__ import annotations

import argparse
import os
import sys

from . import actions
from .archive import Bundle, BundleError


def main(own: str, arguments: list[str]) -> int:
    """Does what the arguments say with the bundle `own`. Returns the exit status: 0, or 1 with the reasons on stderr."""
    options = _parser(own).parse_args(arguments)
    try:
        return int(options.do(own, options))
    except (BundleError, OSError) as error:
        sys.stderr.write("".join(f"error: {line}\n" for line in str(error).splitlines()))
        return 1


def _verify(own: str, options: argparse.Namespace) -> int:
    problems = actions.verify(own, options.key)
    sys.stderr.write("".join(f"error: {problem}\n" for problem in problems))
    if not problems:
        with Bundle(own) as bundle:
            sys.stdout.write(
                f"{len(bundle.manifest.files)} files are as they were signed by key {bundle.manifest.key}\n"
            )
        if not options.key:
            sys.stdout.write("That is the key it names itself. With --key FILE, it must be by the one you know.\n")
    return 1 if problems else 0


def _install(own: str, options: argparse.Namespace) -> int:
    actions.install(own, options.dir, options.admin, options.key, _say)
    sys.stdout.write(
        f"\nInstalled. {options.dir}/venv/bin/staddle runs it; the repository is in {options.admin}.\n"
        f"Put staddle.yml beside that directory ({os.path.dirname(os.path.abspath(options.admin))}) and apply.\n"
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text} …\n")
    sys.stdout.flush()


def _diff(own: str, options: argparse.Namespace) -> int:
    with Bundle(options.old) as old, Bundle(own) as new:
        found = actions.compare(old, new)
    for mark, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        sys.stdout.write("".join(f"{mark} {path}\n" for path in paths))
    sys.stdout.write(f"a delta would carry {found.size} bytes\n")
    return 2 if found.added or found.removed or found.changed else 0


def _apply(own: str, options: argparse.Namespace) -> int:
    actions.apply_delta(options.old, own, options.output)
    sys.stdout.write(f"{options.output}\n")
    return 0


def _parser(own: str) -> argparse.ArgumentParser:
    name = os.path.basename(own)
    parser = argparse.ArgumentParser(
        prog=f"python3 {name}", description="Staddle's packages, for machines without a network."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="is every file as it was signed? Exit status 0 or 1; needs no network")
    verify.set_defaults(do=_verify)
    install = commands.add_parser("install", help="verify, then install Staddle and the repository on this machine")
    install.set_defaults(do=_install)
    install.add_argument("--dir", default=actions.DIRECTORY, help="for Staddle itself (default: %(default)s)")
    install.add_argument(
        "--admin", default=actions.ADMIN, help="the ADMIN node's files, beside the inventory (default: %(default)s)"
    )
    for command in (verify, install):
        command.add_argument("--key", help="file with the public key that must have signed it")
    diff = commands.add_parser("diff", help="what is different from an older bundle; exit status 2 if anything is")
    diff.add_argument("old", metavar="OLD")
    diff.set_defaults(do=_diff)
    apply = commands.add_parser("apply", help="for a delta: make the new bundle from the old one")
    apply.add_argument("old", metavar="OLD")
    apply.add_argument("-o", "--output", required=True, metavar="NEW")
    apply.set_defaults(do=_apply)
    return parser
