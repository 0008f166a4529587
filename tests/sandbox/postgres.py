"""A real PostgreSQL for tests, as a child process, from the machine's packages."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIGURATION = """\
listen_addresses = ''
logging_collector = on
log_destination = 'csvlog'
log_file_mode = 0644
log_min_duration_statement = 0
log_lock_waits = on
deadlock_timeout = 200ms
shared_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 50
fsync = off
"""


def programs() -> Path:
    """The directory with the newest version's programs. Skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    return found[-1].parent


@dataclass
class Postgres:
    """A server in `home`, which only local users reach. It runs as `user`, since it refuses root."""

    home: Path
    user: str | None

    @property
    def log(self) -> Path:
        return self.home / "log"

    def run(self, program: str, *arguments: str, stdin: str | None = None) -> str:
        """A program of PostgreSQL's, as the server's user. Gives what it printed."""
        argv = [str(programs() / program), *arguments]
        done = subprocess.run(
            argv,
            user=self.user,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env=self.environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def background(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        argv = [str(programs() / program), *arguments]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(argv, user=self.user, stdout=quiet, stderr=quiet, cwd=self.home, env=self.environment)

    def sql(self, text: str) -> str:
        """Run it as one script, statement by statement."""
        return self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", stdin=text)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PGHOST": str(self.home),
            "PGDATABASE": "postgres",
            "PGUSER": "postgres",
            "HOME": str(self.home),
        }

    def logged(self, pattern: str) -> int:
        """How often a pattern is in its log."""
        return sum(len(re.findall(pattern, path.read_text(encoding="utf-8"))) for path in self.log.glob("*.csv"))


@contextlib.contextmanager
def postgres(**settings: str) -> Iterator[Postgres]:
    """A running server with these settings beside the usual."""
    programs()
    home = Path(tempfile.mkdtemp(prefix="staddle-postgres-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres" if _exists("postgres") else "nobody"
        shutil.chown(home, user)
    home.chmod(0o755)
    server = Postgres(home, user)
    try:
        data = str(home / "data")
        server.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
        own = {"log_directory": str(server.log), "unix_socket_directories": str(home), **settings}
        lines = "".join(f"{name} = '{value}'\n" for name, value in own.items())
        with Path(data, "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIGURATION + lines)
        server.run("pg_ctl", "-D", data, "-w", "-l", str(home / "start.log"), "start")
        try:
            yield server
        finally:
            server.run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
