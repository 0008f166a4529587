"""A deterministic, PostgreSQL-fleet-like corpus of JSON log lines.

    corpus.py ROWS [--seed N] [--start RFC3339] [--hours H] > corpus.jsonl

The same arguments give the same bytes on any machine. About 300 bytes a row: PostgreSQL (duration lines, connections,
checkpoints, errors), pgBouncer, Patroni and syslog of ten instances, in time order over the given window. It holds what
the queries of bench.py look for: `pid` has ~40 k distinct values, `client` hundreds of thousands, the word
`panicword` occurs every 20,011 rows.
"""

# ruff: noqa: E501 (the lines of the corpus are as long as they are)
import argparse
import datetime as dt
import itertools
import random
import sys
from collections.abc import Callable, Iterator

CLUSTERS = {"pg-meta": 1, "pg-test": 3, "pg-src": 2, "pg-dst": 1, "pg-olap": 3}
USERS = [
    f"dbuser_{n}"
    for n in ("app", "web", "order", "payment", "stats", "audit", "mail", "feed", "cart", "etl", "monitor")
]
DATABASES = ["app", "shop", "payment", "report", "meta", "postgres", "grafana"]
TABLES = [
    "orders",
    "users",
    "events",
    "payments",
    "shipments",
    "order_items",
    "inventory",
    "pgbench_accounts",
    "pgbench_history",
]
COLUMNS = [
    "id",
    "name",
    "email",
    "status",
    "amount",
    "balance",
    "created_at",
    "updated_at",
    "user_id",
    "order_id",
    "tid",
]
APPS = ["", "psql", "pgadmin", "psycopg", "pgx", "node-pg", "pg_exporter", "PostgreSQL JDBC Driver"]
RARE_EVERY = 20_011

Fields = dict[str, str | int | float]


class Corpus:
    """Rows of one seed, in order."""

    def __init__(self, seed: int) -> None:
        self.rnd = random.Random(seed)
        names = [(c, f"{c}-{i + 1}") for c, n in CLUSTERS.items() for i in range(n)]
        self.instances = [(cls, ins, f"10.10.10.{10 + k}") for k, (cls, ins) in enumerate(names)]
        self.weights = list(itertools.accumulate(self.rnd.choice([2, 3, 5, 8, 13]) for _ in names))
        self.makers: list[Callable[[], str]] = [self.postgres, self.pgbouncer, self.patroni, self.syslog]

    def below(self, n: int) -> int:
        """An integer in [0, n); several times faster than randrange, which dominates otherwise."""
        return int(self.rnd.random() * n)

    def pick(self, options: list[str]) -> str:
        return options[int(self.rnd.random() * len(options))]

    def client(self) -> str:
        return f"10.10.{20 + self.below(4)}.{1 + self.below(250)}:{32768 + self.below(28000)}"

    def statement(self) -> str:
        table, kind = self.pick(TABLES), self.below(6)
        one, two = self.pick(COLUMNS), self.pick(COLUMNS)
        if kind < 2:
            return f"SELECT {one}, {two} FROM {table} WHERE {self.pick(COLUMNS)} = {self.below(10_000_000)}"
        if kind == 2:
            low = self.below(200_000)
            return f"SELECT count(*) FROM {table} WHERE {one} BETWEEN {low} AND {low + self.below(100_000)}"
        if kind == 3:
            return f"UPDATE {table} SET balance = balance + {self.below(10000) - 5000} WHERE {one} = {self.below(10_000_000)}"
        if kind == 4:
            return f"INSERT INTO {table} ({one}, {two}) VALUES ($1, $2)"
        return f"DELETE FROM {table} WHERE created_at < now() - interval '{1 + self.below(90)} days'"

    def postgres(self) -> str:
        user, db, dice = self.pick(USERS), self.pick(DATABASES), self.rnd.random()
        tail = f'"user":"{user}","datname":"{db}","sqlstate":"00000"'
        pid = f'"level":"LOG","pid":{14000 + self.below(40_000)}'
        if dice < 0.44:
            ms = f"{self.rnd.lognormvariate(0.2, 1.9):.3f}"
            if dice < 0.22:
                return f'"msg":"duration: {ms} ms  statement: {self.statement()}",{{}}{pid},{tail},"duration":{ms}'
            return f'"msg":"duration: {ms} ms",{{}}{pid},{tail},"duration":{ms},"query":"{self.statement()}"'
        app, client = self.pick(APPS), self.client()
        if dice < 0.86:
            host, port = client.split(":")
            if dice < 0.62:
                msg = f"connection received: host={host} port={port}"
            elif dice < 0.75:
                msg = f"connection authorized: user={user} database={db} application_name={app}"
            else:
                took = f"{self.below(3)}:{self.below(60):02d}:{self.below(60):02d}.{self.below(1000):03d}"
                msg = f"disconnection: session time: {took} user={user} database={db} host={client}"
            return f'"msg":"{msg}",{{}}{pid},{tail},"app":"{app}","client":"{client}"'
        if dice < 0.93:
            msg = (
                f"checkpoint complete: wrote {self.below(30000)} buffers ({self.below(300) / 10:.1f}%); "
                f"{self.below(5)} WAL file(s) added, 0 removed, {self.below(40)} recycled; write={self.below(200000) / 1000:.3f} s, "
                f"sync={self.below(900) / 1000:.3f} s; lsn=1/{self.below(1 << 32):08X}"
            )
            return f'"msg":"{msg}",{{}}{pid},"user":"","datname":"","sqlstate":"00000"'
        level, state, msg = [
            ("ERROR", "42703", f'column \\"{self.pick(TABLES)}\\" does not exist'),
            ("ERROR", "57014", "canceling statement due to statement timeout"),
            ("ERROR", "40001", "could not serialize access due to concurrent update"),
            ("FATAL", "53300", "sorry, too many clients already"),
            (
                "WARNING",
                "01000",
                f"process {self.below(60000)} still waiting for ShareLock on transaction {self.below(1 << 31)}",
            ),
        ][self.below(5)]
        return (
            f'"msg":"{msg}",{{}}"level":"{level}","pid":{14000 + self.below(40_000)},"user":"{user}","datname":"{db}",'
            f'"sqlstate":"{state}","app":"{app}","client":"{client}"'
        )

    def pgbouncer(self) -> str:
        user, db, client = self.pick(USERS), self.pick(DATABASES), self.client()
        what = self.pick(
            [
                "new connection to server",
                "login attempt: tls=no replication=no",
                "closing because: client close request",
                "pooler error: query_wait_timeout",
            ]
        )
        msg = f"C-0x{self.below(1 << 44):012x}: {db}/{user}@{client} {what} (age={self.below(3600)}s)"
        return f'"msg":"{msg}",{{}}"level":"LOG","pid":2249,"user":"{user}","datname":"{db}","client":"{client}"'

    def patroni(self) -> str:
        leader = self.below(2)
        said = "the leader with the lock" if leader else "a secondary, and following a leader"
        role = "primary" if leader else "replica"
        return f'"msg":"no action. I am ({{ins}}), {said}",{{}}"level":"INFO","pid":1150,"source":"patroni.ha","role":"{role}"'

    def syslog(self) -> str:
        unit = self.pick(["sshd", "cron", "systemd", "haproxy", "sudo"])
        msg = {
            "sshd": f"Accepted publickey for dba from 10.10.2.{self.below(250)} port {self.below(60000)} ssh2",
            "cron": "(postgres) CMD (/pg/bin/pg-heartbeat >> /pg/log/maint.log 2>&1)",
            "systemd": f"Started session-{self.below(100000)}.scope - Session of user dba.",
            "haproxy": f"Server {{ins}} is UP. {self.below(3)} active and 1 backup servers left. {self.below(900)} sessions active",
            "sudo": "postgres : TTY=pts/0 ; PWD=/home/postgres ; USER=root ; COMMAND=/usr/bin/systemctl reload haproxy",
        }[unit]
        return f'"msg":"{msg}",{{}}"level":"info","pid":{self.below(32768)},"unit":"{unit}","facility":"daemon","host":"{{ins}}"'

    def lines(self, rows: int, start: dt.datetime, hours: float) -> Iterator[str]:
        step = hours * 3600e6 / max(rows, 1)
        choose = self.rnd.choices
        for i in range(rows):
            micros = int((i + self.rnd.random()) * step)
            ts = (start + dt.timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            cls, ins, ip = choose(self.instances, cum_weights=self.weights)[0]
            kind = choose(("postgres", "pgbouncer", "patroni", "syslog"), cum_weights=(62, 77, 84, 100))[0]
            where = f'"ip":"{ip}","ins":"{ins}","cls":"{cls}","job":"{kind}",'
            body = getattr(self, kind)().replace("{}", where, 1).replace("{ins}", ins)
            if i % RARE_EVERY == RARE_EVERY - 1:
                body = body.replace('"msg":"', '"msg":"panicword ', 1)
            yield f'{{"ts":"{ts}",{body}}}\n'


def write(out: "object", rows: int, seed: int = 7, start: str = "2026-11-22T00:00:00Z", hours: float = 24) -> None:
    """Write `rows` lines to the text or binary-buffer `out`; the window is [start, start + hours)."""
    begin = dt.datetime.fromisoformat(start)
    lines = Corpus(seed).lines(rows, begin, hours)
    while chunk := "".join(itertools.islice(lines, 5000)):
        out.write(chunk.encode())  # type: ignore[attr-defined]


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("rows", type=int)
    args.add_argument("--seed", type=int, default=7)
    args.add_argument("--start", default="2026-11-22T00:00:00Z")
    args.add_argument("--hours", type=float, default=24)
    opts = args.parse_args()
    write(sys.stdout.buffer, opts.rows, opts.seed, opts.start, opts.hours)


if __name__ == "__main__":
    main()
