"""The lab by hand: `python -m tests.lab up|down|exec|status|packages|prune`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.lab import image, network, store
from tests.lab.lab import BY_HAND, Lab, sweep
from tests.lab.spec import RELEASES, HostSpec, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence


def up(name: str, number: int, releases: Sequence[str]) -> None:
    """Boot hosts that stay until `down`; the releases take turns."""
    lab = Lab.up([HostSpec(releases[i % len(releases)]) for i in range(number)], name=name, keep=True)
    print(f"in its network: {' '.join(network.inside(lab.name))} ssh -F {lab.ssh_config} {lab.hosts[0].name}")


def down(name: str) -> None:
    """Remove the lab, and what is left of abandoned ones."""
    for swept in [*sweep(), *image.clear()]:
        print(f"{swept}: was left over, removed")
    if store.read(name) is None:
        print(f"there is no lab {name}")
        return
    Lab.attach(name).down()
    print(f"{name}: down")


def run(name: str, host: str, command: Sequence[str]) -> int:
    """Run a command on a host, or with `admin` on the ADMIN side; without one, a shell."""
    lab = Lab.attach(name)
    if host == "admin":
        shell = [os.environ.get("SHELL", "/bin/sh")]
        argv = ["sh", "-c", " ".join(command)] if command else shell
        with lab.admin_popen(argv, stdin=None, stdout=None, stderr=None) as process:
            return process.wait()
    argv = [*network.inside(lab.name), "ssh", "-F", str(lab.ssh_config)]
    return subprocess.run([*argv, *([] if command else ["-t"]), lab[host].name, *command], check=False).returncode


def status() -> None:
    """All labs and their hosts."""
    for record in store.records():
        lab = Lab.attach(record.name)
        print(record.name, "(abandoned)" if record.abandoned() else "" if record.keep else "(of a running test)")
        for host in lab.hosts:
            print(f"  {host.name}  {host.ip}  {host.release}  {'on' if host.powered else 'off'}")


def prune() -> None:
    """Remove images that no lab uses and that aren't those of today's recipe."""
    image.clear()
    used = {file.read_text(encoding="utf-8") for file in store.labs_dir().glob("*/hosts/*/image")}
    used |= {str(image.path(release)) for release in RELEASES}
    for directory in (store.cache() / "base").glob("*"):
        if str(directory) not in used and not directory.name.endswith(image.BUILDING):  # that one is being built
            image.remove(directory)
            print(f"{directory.name}: removed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--lab", default=BY_HAND, help="which one (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="boot hosts")
    starting.add_argument("-n", type=int, default=4, dest="number")
    starting.add_argument("--releases", default=",".join(RELEASES), help="taking turns (default: %(default)s)")
    commands.add_parser("down", help="remove it all")
    executing = commands.add_parser("exec", help="run a command on a host, or on `admin`; without one, a shell")
    executing.add_argument("host")
    executing.add_argument("words", nargs=argparse.REMAINDER)
    commands.add_parser("status", help="what runs")
    serving = commands.add_parser("packages", help="let hosts install these")
    serving.add_argument("names", nargs="+")
    commands.add_parser("prune", help="remove old images")
    given = parser.parse_args()
    match given.command:
        case "up":
            up(given.lab, given.number, given.releases.split(","))
        case "down":
            down(given.lab)
        case "exec":
            return run(given.lab, given.host, given.words)
        case "packages":
            Lab.attach(given.lab).serve_packages(given.names)
        case "prune":
            prune()
        case _:
            status()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
