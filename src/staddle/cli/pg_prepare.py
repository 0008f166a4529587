"""`staddle pg prepare`: the role that watches PostgreSQL."""

from __future__ import annotations

from typing import Annotated

import typer

from staddle.cli.options import HERE, Inventory, with_login
from staddle.cli.output import say
from staddle.drive import pg_prepare
from staddle.drive.login import Login
from staddle.errors import FleetError, StaddleError
from staddle.inventory import load_inventory
from staddle.pgsql.prepare import access

Databases = Annotated[
    list[str] | None,
    typer.Option("-d", "--database", help="Also look at the sequences of this database. The inventory's always are."),
]


@with_login
def prepare(
    which: Annotated[str | None, typer.Argument(help="A cluster, or an instance. Default: all clusters.")] = None,
    inventory: Inventory = HERE,
    database: Databases = None,
    apply: Annotated[bool, typer.Option("--apply", help="Run it, by psql on the host of the primary.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Run it on this machine, where the server is.")] = False,
    login: Login = Login(),
) -> None:
    """Print the SQL of the role that exporters log in as, or run it. It may read statistics, and no more.

    The password goes there as a verifier (SCRAM-SHA-256), never by itself. Run it again at any time.

    Examples:

        staddle pg prepare pg-test
        staddle pg prepare pg-rds | psql "host=db.example.com user=admin dbname=postgres"
        staddle pg prepare pg-test --apply
    """
    fleet = load_inventory(inventory).fleet
    found = pg_prepare.jobs(fleet, which, database or ())
    if here:
        for job in found:
            told = pg_prepare.run_here(job)
            say(f"{job.ins}: ready" + (f"\n{told}" if told else ""))
    elif apply:
        if strangers := [job.ins for job in found if job.host is None]:
            name = strangers[0]
            raise StaddleError(
                f"{', '.join(strangers)}: not a host of the fleet, so nobody can run psql there",
                hint=f"staddle pg prepare {name} | psql 'host=… user=… dbname=postgres'",
            )
        outcome = pg_prepare.run_on_hosts(inventory, found, login, lambda _: None)
        wrong = {host.ip: host.error for host in outcome.hosts if host.error}
        answers = {host.ip: host.answer for host in outcome.hosts}
        for job in found:
            ip = job.host or ""
            said = (answers.get(ip) or {}).get("told", "")
            say(f"{job.ins}: {wrong.get(ip) or 'ready'}" + (f"\n{said}" if said else ""))
        if wrong:
            raise FleetError(f"failed on {len(wrong)} of {len(found)} hosts")
    else:
        for job in found:
            typer.echo(f"-- {job.ins} ({job.host or job.socket}), as a superuser or the administrator")
            typer.echo(job.sql)
            typer.echo(
                "-- pg_hba.conf has to let the role in, by one of\n--   "
                + access(job.role).strip().replace("\n", "\n--   ")
            )
