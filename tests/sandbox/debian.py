"""Servers from Debian's packages, unpacked and run as child processes: what a fleet has that Staddle doesn't set up."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.components.base import Package
from staddle.programs.provision import provision
from staddle.programs.shelf import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from staddle.manifest.layout import Program

REDIS = Package(
    # The server is the same program as the one that checks its files, called by another name.
    "redis-tools",
    {"redis-cli": "/usr/bin/redis-cli", "redis-server": "/usr/bin/redis-check-rdb"},
)
ETCD = Package("etcd-server", {"etcd": "/usr/bin/etcd"})
ETCDCTL = Package("etcd-client", {"etcdctl": "/usr/bin/etcdctl"}, smoke=("version",))
PGBOUNCER = Package("pgbouncer", {"pgbouncer": "/usr/sbin/pgbouncer"})
PGBACKREST = Package("pgbackrest", {"pgbackrest": "/usr/bin/pgbackrest"}, smoke=("version",))
HAPROXY = Package("haproxy", {"haproxy": "/usr/sbin/haproxy"}, smoke=("-v",))


@dataclass
class Debian:
    """Programs below `home`, which every user can read: some refuse to run as root."""

    home: Path
    programs: Mapping[str, Program]

    def run(self, name: str, *arguments: str, user: str | None = None) -> str:
        """What a program printed."""
        program = self.programs[name]
        done = subprocess.run(
            [program.path, *arguments],
            env={**os.environ, **program.environment},
            user=user,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def running(self, name: str, *arguments: str, user: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """A server in the foreground, by its own name; terminated at the end."""
        program = self.programs[name]
        with (self.home / f"{name}.out").open("ab") as log:
            process = subprocess.Popen(
                [name, *arguments],
                executable=program.path,
                env={**os.environ, **program.environment},
                user=user,
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def script(self, name: str) -> Path:
        """A program with what it needs, as one executable file."""
        program, path = self.programs[name], self.home / name
        settings = "".join(f"export {key}='{value}'\n" for key, value in program.environment.items())
        path.write_text(f"#!/bin/sh\n{settings}exec '{program.path}' \"$@\"\n")
        path.chmod(0o755)
        return path


@contextlib.contextmanager
def debian(*packages: Package) -> Iterator[Debian]:
    """These packages, unpacked, as long as the context lasts."""
    home = Path(tempfile.mkdtemp(prefix="staddle-debian-"))
    home.chmod(0o755)
    try:
        found = provision(packages, home / "programs", cache_directory() / "apt", lambda _step: None)
        yield Debian(home, found)
    finally:
        shutil.rmtree(home)
