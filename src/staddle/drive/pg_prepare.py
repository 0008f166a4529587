"""Which clusters are to be made ready for watching, and doing it: by psql here, or on their hosts through Ansible."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.drive import fleet as fleets
from staddle.errors import StaddleError
from staddle.inventory.modules import member
from staddle.inventory.nearest import nearest
from staddle.pgsql.prepare import script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from staddle.drive.fleet import Outcome, Progress
    from staddle.drive.login import Login
    from staddle.inventory.fleet import Fleet, Node
    from staddle.inventory.parameters import RemotePostgres

DATABASE = "postgres"
WHAT = "sql"
"""What a host's script is called in the directory of a run."""


@dataclass(frozen=True, slots=True)
class Job:
    """A script for one instance. `host` is the node to run it on; None: it isn't a host of the fleet."""

    cluster: str
    ins: str
    host: str | None
    socket: str
    port: int
    administrator: str
    role: str
    sql: str = field(repr=False)


def jobs(fleet: Fleet, which: str | None, databases: Sequence[str] = ()) -> list[Job]:
    """For each cluster (or the named one, or the cluster of the named instance) its primary.

    Where no roles are told, or an instance is named, that. Raises StaddleError if there is none.
    """
    every = [_on_host(node, databases) for node in fleet.nodes if member(node, "pgsql")]
    every += [
        _elsewhere(node, remote, databases) for node in fleet.nodes for remote in node.params.pg_exporters.values()
    ]
    named = {job.ins for job, _ in every} | {job.cluster for job, _ in every}
    if which and which not in named:
        near = nearest(which, named)
        raise StaddleError(
            f"there is no cluster or instance {which!r} in the inventory",
            hint=f"did you mean {near}?" if near else None,
        )
    if not every:
        raise StaddleError("no PostgreSQL is in the inventory", hint="`staddle pg add` puts a cluster there")
    told = {job.cluster for job, role in every if role}
    return [
        job
        for job, role in every
        if (which == job.ins) or (which in {None, job.cluster} and (role == "primary" or job.cluster not in told))
    ]


def run_here(job: Job) -> str:
    """Run it by this machine's psql, as the administrator if we may. Returns what the server had to say."""
    psql = shutil.which("psql")
    if psql is None:
        raise StaddleError("there is no psql here", hint="install postgresql-client")
    user = job.administrator if os.geteuid() == 0 and _exists(job.administrator) else None
    done = subprocess.run(
        [psql, *_arguments(job)], input=job.sql, text=True, capture_output=True, check=False, user=user, cwd="/"
    )
    if done.returncode:
        raise StaddleError(f"{job.ins}: psql failed: {done.stderr.strip()}")
    return done.stderr.strip()


def run_on_hosts(
    inventory: Path, prepared: Sequence[Job], login: Login, on_progress: Callable[[Progress], None]
) -> Outcome:
    """Run each on its host, as the administrator there. The scripts travel by psql's standard input."""
    hosts = [job.host for job in prepared if job.host]
    request = fleets.Request(
        inventory,
        "pg_prepare",
        limit=",".join(hosts),
        login=login,
        files={
            (WHAT, job.host): {"argv": ["psql", *_arguments(job)], "user": job.administrator, "sql": job.sql}
            for job in prepared
            if job.host
        },
    )
    return fleets.run(request, on_progress)


def _arguments(job: Job) -> list[str]:
    where = ["--host", job.socket, "--port", str(job.port), "--username", job.administrator, "--dbname", DATABASE]
    return ["--no-psqlrc", "--quiet", "--no-password", *where, "--file", "-"]


def _on_host(node: Node, databases: Sequence[str]) -> tuple[Job, str | None]:
    params, place = node.params, member(node, "pgsql")
    assert place is not None  # noqa: S101 - who asks has looked
    secret = params.pg_monitor_password
    sql = script(
        params.pg_monitor_username, secret.get_secret_value() if secret else None, _databases(node.extra, databases)
    )
    administrator = params.pg_dbsu
    where = (params.pg_localhost, params.pg_port, administrator, params.pg_monitor_username)
    return Job(place.cluster, place.ins, node.ip, *where, sql), params.pg_role


def _elsewhere(node: Node, remote: RemotePostgres, databases: Sequence[str]) -> tuple[Job, str | None]:
    params = node.params
    role = remote.pg_monitor_username or params.pg_monitor_username
    secret = remote.pg_monitor_password or params.pg_monitor_password
    sql = script(role, secret.get_secret_value() if secret else None, databases)
    ins = f"{remote.pg_cluster}-{remote.pg_seq}"
    return Job(remote.pg_cluster, ins, None, remote.pg_host, remote.pg_port, "", role, sql), remote.pg_role


def _databases(extra: object, given: Sequence[str]) -> list[str]:
    """Those named, and those that the inventory says there are."""
    listed = extra.get("pg_databases") if hasattr(extra, "get") else None
    names = [str(item["name"]) for item in listed or () if isinstance(item, dict) and item.get("name")]
    return [name for name in dict.fromkeys([*given, *names]) if name != DATABASE]


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
