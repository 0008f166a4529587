"""PostgreSQL as Debian sets it up, on hosts of the lab: primaries, replicas that stream from them, and clients at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.host import Host

LOGS = "/var/log/postgresql"
_HBA = """\
local all dbuser_monitor scram-sha-256
local bench app scram-sha-256
host replication postgres 10.10.10.0/24 trust
local replication postgres trust
hostssl all dbuser_monitor 10.10.10.0/24 scram-sha-256
"""
_POOLER = """\
[databases]
bench = host=/var/run/postgresql dbname=bench
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
unix_socket_dir = /var/run/postgresql
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
stats_users = dbuser_monitor
pool_mode = transaction
default_pool_size = 2
logfile = /var/log/postgresql/pgbouncer.log
pidfile = /var/run/postgresql/pgbouncer.pid
"""


@dataclass(frozen=True, slots=True)
class Server:
    """One server on a host: what Debian calls a cluster."""

    host: Host
    version: int
    name: str = "main"
    port: int = 5432

    @property
    def settings(self) -> str:
        """The directory of its configuration."""
        return f"/etc/postgresql/{self.version}/{self.name}"

    @property
    def data(self) -> str:
        return f"/var/lib/postgresql/{self.version}/{self.name}"

    def ctl(self, verb: str) -> None:
        """start, stop, restart, reload."""
        self.host.run(f"pg_ctlcluster {self.version} {self.name} {verb} {'-m fast' if verb == 'stop' else ''}")

    def program(self, name: str, *arguments: str, stdin: str | None = None) -> str:
        """Run one of PostgreSQL's own programs against it, as its administrator."""
        argv = ["runuser", "-u", "postgres", "--", name, "-p", str(self.port), *arguments]
        return self.host.run(argv, stdin=stdin).stdout.strip()

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run it, statement by statement. What the last one gave."""
        return self.program("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-", stdin=text)

    def number(self, query: str, database: str = "postgres") -> float:
        return float(self.sql(query, database))

    def background(self, unit: str, *argv: str, **environment: str) -> None:
        """A program that goes on until `end`."""
        given = [f"--setenv={name}={value}" for name, value in environment.items()]
        self.host.run(["systemd-run", "--quiet", "--collect", "--uid=postgres", f"--unit={unit}", *given, "--", *argv])

    def end(self, unit: str) -> None:
        self.host.run(f"systemctl stop {unit}", check=False)


def primary(host: Host, version: int, **settings: str) -> Server:
    """A server as Debian makes it, instead of the one that was there, with a slot for its replica."""
    server = Server(host, version)
    host.run(f"pg_dropcluster --stop {version} main && pg_createcluster {version} main")
    _configure(server, settings)
    server.ctl("start")
    server.sql("SELECT pg_create_physical_replication_slot('second')")
    return server


def replica(primary: Server, host: Host, name: str = "main", port: int = 5432, **settings: str) -> Server:
    """One that streams from another, on any host with PostgreSQL of that version: instead of what has that name there."""
    server = Server(host, primary.version, name, port)
    host.run(f"pg_dropcluster --stop {server.version} {name}", check=False)
    host.run(f"pg_createcluster --port {port} {server.version} {name} && rm -rf {server.data}")
    source = f"host={primary.host.ip} port={primary.port} user=postgres application_name=second"
    argv = ["runuser", "-u", "postgres", "--", "pg_basebackup", "-D", server.data, "-d", source]
    host.run([*argv, "-R", "-S", "second", "-c", "fast"])
    _configure(server, settings)
    server.ctl("start")
    return server


def pooler(host: Host, users: Mapping[str, str]) -> None:
    """PgBouncer in front of the host's server."""
    quoted = {user: password.replace('"', '""') for user, password in users.items()}
    host.write("/etc/pgbouncer/pgbouncer.ini", _POOLER)
    host.write("/etc/pgbouncer/userlist.txt", "".join(f'"{user}" "{secret}"\n' for user, secret in quoted.items()))
    host.run(
        "chown postgres /etc/pgbouncer/userlist.txt; chmod 600 /etc/pgbouncer/userlist.txt; systemctl restart pgbouncer"
    )


def logging(style: str) -> dict[str, str]:
    """Settings of a server that logs to Debian's directory as `csvlog` or `jsonlog`, slow statements too."""
    return {
        "logging_collector": "on",
        "log_destination": style,
        "log_directory": LOGS,
        "log_min_duration_statement": "200ms",
        "log_lock_waits": "on",
    }


def _configure(server: Server, settings: Mapping[str, str]) -> None:
    common = {"listen_addresses": "*", "shared_preload_libraries": "pg_stat_statements", "track_io_timing": "on"}
    text = "".join(f"{name} = '{value}'\n" for name, value in {**common, **settings}.items())
    server.host.write(f"{server.settings}/conf.d/lab.conf", text)
    hba = f"{server.settings}/pg_hba.conf"
    server.host.write(hba, _HBA + server.host.read(hba))
