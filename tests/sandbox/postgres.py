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
    """A server in `home`, which only local users reach. It runs as `user`, since it refuses root.

    It is of the machine's version, unless the server's programs of another one are in `own`.
    """

    home: Path
    user: str | None
    own: Path | None = None
    port: int = 5432

    @property
    def log(self) -> Path:
        return self.home / "log"

    def run(self, program: str, *arguments: str, stdin: str | None = None) -> str:
        """A program of PostgreSQL's, as the server's user. Gives what it printed."""
        argv = [self._program(program), *arguments]
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
        argv = [self._program(program), *arguments]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(argv, user=self.user, stdout=quiet, stderr=quiet, cwd=self.home, env=self.environment)

    def _program(self, name: str) -> str:
        found = self.own / name if self.own else programs() / name
        return str(found if found.exists() else programs() / name)

    @property
    def data(self) -> Path:
        return self.home / "data"

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run it as one script, statement by statement."""
        return self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-", stdin=text)

    def value(self, query: str, database: str = "postgres") -> str:
        """The only value that a query gives, as text."""
        return self.run("psql", "-X", "-A", "-t", "-q", "-d", database, "-c", query).strip()

    def start(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.home / "start.log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    @property
    def runs(self) -> bool:
        return (self.data / "postmaster.pid").exists()

    def configure(self, **settings: str) -> None:
        """Settings that hold from the next start or reload."""
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("".join(f"{name} = '{value}'\n" for name, value in settings.items()))

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PGHOST": str(self.home),
            "PGPORT": str(self.port),
            "PGDATABASE": "postgres",
            "PGUSER": "postgres",
            "HOME": str(self.home),
        }

    def logged(self, pattern: str) -> int:
        """How often a pattern is in its log."""
        return sum(len(re.findall(pattern, path.read_text(encoding="utf-8"))) for path in self.log.glob("*.csv"))


def postgres(**settings: str) -> contextlib.AbstractContextManager[Postgres]:
    """A running server with these settings beside the usual."""
    return _fresh(None, settings)


def postgres_of(own: Path, **settings: str) -> contextlib.AbstractContextManager[Postgres]:
    """Likewise, of another version than the machine's: the one whose programs are in `own`."""
    return _fresh(own, settings)


@contextlib.contextmanager
def replica(primary: Postgres, name: str = "replica", **settings: str) -> Iterator[Postgres]:
    """A running server that streams from another one, by a slot and as an application of this name."""
    with server_home() as server:
        slot = ("-C", "-S", name, "-R", "-c", "fast", "-X", "stream", "--no-sync")
        source = f"host={primary.home} user=postgres application_name={name}"
        server.run("pg_basebackup", "-D", str(server.data), "-d", source, *slot)
        with _running(server, settings):
            yield server


@contextlib.contextmanager
def standby(primary: Postgres, name: str = "standby", **settings: str) -> Iterator[Postgres]:
    """As `replica`, of any version, and without a slot: a copy of the primary, which is stopped for that."""
    with server_home(own=primary.own) as server:
        primary.stop("fast")
        shutil.copytree(primary.data, server.data)
        if server.user:
            for path in (server.data, *server.data.rglob("*")):
                shutil.chown(path, server.user)
        (server.data / "standby.signal").touch()
        primary.start()
        source = f"host={primary.home} user=postgres application_name={name}"
        with _running(server, {"primary_conninfo": source, **settings}):
            yield server


@contextlib.contextmanager
def load(server: Postgres, *arguments: str, scale: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """pgbench at work in the database `postgres`: two clients, a hundred transactions a second, unless told otherwise."""
    if server.value("SELECT to_regclass('pgbench_accounts')") == "":
        server.run("pgbench", "-i", "-q", "-s", str(scale))
    given = arguments or ("-c", "2", "-R", "100")
    process = server.background("pgbench", "-n", "-T", "3600", *given)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _fresh(own: Path | None, settings: Mapping[str, str]) -> Iterator[Postgres]:
    with server_home(own=own) as server:
        server.run("initdb", "-D", str(server.data), "-U", "postgres", "-A", "trust", "--no-sync")
        with (server.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        with _running(server, settings):
            yield server


@contextlib.contextmanager
def server_home(port: int = 5432, own: Path | None = None) -> Iterator[Postgres]:
    """A place for a server that isn't there yet."""
    programs()
    home = Path(tempfile.mkdtemp(prefix="staddle-postgres-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres" if _exists("postgres") else "nobody"
        shutil.chown(home, user)
    home.chmod(0o755)
    try:
        yield Postgres(home, user, own, port)
    finally:
        shutil.rmtree(home)


@contextlib.contextmanager
def _running(server: Postgres, settings: Mapping[str, str]) -> Iterator[None]:
    own = {"log_directory": str(server.log), "unix_socket_directories": str(server.home)}
    server.configure(**{**own, **settings})
    server.start()
    try:
        yield
    finally:
        if server.runs:
            server.stop()


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
