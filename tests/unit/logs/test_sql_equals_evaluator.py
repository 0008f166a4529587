"""Whatever runs in SQL gives the rows that the evaluator gives: over fresh parts, merged parts, and both."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staddle.logs.compile.engine import Engine
from staddle.logs.compile.run import run_query
from staddle.logs.compile.scan import StoreSource
from staddle.logs.logsql import ast
from staddle.logs.logsql.evaluate import Limits, run
from staddle.logs.logsql.parser import parse
from staddle.logs.logsql.source import Block
from staddle.store.options import Options
from staddle.store.rowformat import RowFormat
from staddle.store.store import Store

NOW = 1_795_400_000_000_000_000
START = 1_795_305_600
MESSAGES = [
    "duration: {n}.{k} ms",
    "connection authorized: user={u}",
    "Error in duration",
    "x{n}y z_{n}",
    "über {u} straße",
    "",
    'quoted "{u}" text',
    "10.0.0.{k}:{n} closed",
    "DURATION duration2",
    "a\nb {u}",
    "durationé {n}",
]


def lines(seed: int, count: int) -> bytes:
    rnd = random.Random(seed)
    out = []
    for i in range(count):
        n, k, u = rnd.randrange(2000), rnd.randrange(256), rnd.choice(["ann", "bob", "Eve", "user_1"])
        row: dict[str, object] = {
            # No two rows at one time, so that the order of sorted rows is not a matter of taste.
            "_time": START + i * 37 + rnd.randrange(20) / 8 + seed / 64,
            "_msg": rnd.choice(MESSAGES).format(n=n, k=k, u=u),
            "app": rnd.choice("abc"),
            "user": u,
            "ip": f"10.0.{k}.{n % 300}",
            "level": rnd.choice(["", "info", "warn", "error"]),
        }
        if rnd.random() < 0.7:
            row["num"] = rnd.choice([n, n / 4, -k])
        if rnd.random() < 0.5:
            row["mixed"] = rnd.choice([n, f"{n}ms", "5KiB", "text", "007", "-", "1e3"])
        if rnd.random() < 0.2:
            row["nested"] = {"deep": {"k": k % 5}, "list": [1.50, "x"]}
        out.append(json.dumps(row) + "\n")
    return "".join(out).encode()


class Memory:
    """The rows of a source read once: what the evaluator filters itself."""

    def __init__(self, source: StoreSource) -> None:
        everything = ast.FieldSelection()
        self.blocks = list(source.scan(ast.MatchAll(), everything, ast.MIN_TIME_NS, ast.MAX_TIME_NS))

    def scan(self, where: ast.Filter, fields: ast.FieldSelection, start_ns: int, end_ns: int) -> Iterator[Block]:
        for b in self.blocks:
            yield Block(dict(b.columns), b.rows, b.timestamps)


class Sources:
    """SQL over three states of the same rows, and the rows in memory."""

    def __init__(self, folder: Path) -> None:
        options = Options(folder, retention=36_500 * 86_400.0, flush_interval=60, merge_delay=1e9, threads=1)
        self.store = Store(options)
        self.engine = Engine(self.store, memory_bytes=1 << 28, threads=1, temp=folder / "tmp" / "q")
        row_format = RowFormat(stream_fields=("app", "user"))
        self.store.append(0, row_format, lines(1, 400))
        self.store.append(9, row_format, lines(3, 50))
        assert self.store.flush()
        self.store.merge_all()
        deadline = time.monotonic() + 60
        while not all(p.level for p in self.store.manifest.parts) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.store.append(0, row_format, lines(2, 150))
        assert self.store.flush()
        assert {p.level > 0 for p in self.store.manifest.parts} == {True, False}

    def close(self) -> None:
        self.engine.close()
        self.store.close()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    made = Sources(tmp_path_factory.mktemp("sql"))
    yield made
    made.close()


FILTERS = [
    "*",
    "duration",
    "DURATION",
    "i(Duration)",
    "dur*",
    "i(ERR*)",
    '"connection authorized"',
    '"duration: 1"',
    "x5y",
    "_msg:5*",
    "nosuchword",
    "!duration",
    "duration or error",
    "duration user:ann",
    'user:="ann"',
    'user:!="ann"',
    'user:="a"*',
    '_msg:=""',
    '_msg:!=""',
    "level:in(info,warn)",
    'level:in("",info)',
    "contains_any(ann,bob)",
    "contains_all(duration, ms)",
    "seq(duration, ms)",
    "num:>500",
    "num:<=0",
    "num:range[10,1000)",
    "mixed:>100",
    "mixed:<5KB",
    "nested.deep.k:=3",
    "missing:=x",
    'missing:""',
    "missing:*",
    '~"duration: [0-9]{3}"',
    '~"ann|bob"',
    '!~"[0-9]"',
    'user:~"^a"',
    "len_range(5,12)",
    "user:len_range(0,3)",
    "ip:ipv4_range(10.0.0.0/17)",
    '{app="a"}',
    '{app=~"a|b",user!="bob"}',
    "{app=nope}",
    "!{app=a}",
    "_time:[2026-11-22T01:00:00Z,2026-11-22T02:00:00Z)",
    "_time:day_range[01:00,02:00]",
    "_time:week_range[Sun,Mon]",
    "user:eq_field(level)",
    "num:lt_field(mixed)",
    "user:string_range(B,b)",
    "(duration !user:ann) or (level:error num:>100)",
    "über",
    "straße",
    "level:value_type(dict)",
    "user:(ann or Eve)",
    '"10.0.0.5"',
    "closed -duration",
    'quoted "text"',
    "durationé",
    '_stream:{app="b"}',
    "app:a | filter level:error",
]
PIPES = [
    "fields _time, _msg, user",
    "count()",
    "stats by (level) count() n",
    "stats by (user, level) count() n, count_uniq(num) u, sum(num) s",
    "stats by (_time:30m) count() n",
    "stats by (_time:30m offset 10m, app) count() n",
    "stats by (_stream) count() n",
    "stats by (_stream_id) count() n, max(num) m",
    "stats min(num) a, max(num) b, avg(num) c, median(num) d, quantile(0.9, num) e",
    "stats by (user) quantile(0.5, num) q, sum(mixed) s, avg(missing) m",
    "stats count() if (level:error) e, count(num) f, count(num, mixed) g",
    "stats by (level) count_empty(num) a, count_empty(num, mixed) b, sum_len(_msg) c",
    "stats by (level) count_uniq(user, level) d, count_uniq(user) limit 2 e",
    "stats rate() r, rate_sum(num) s",
    "stats min(_time) a, max(_time) b",
    "uniq by (user)",
    "uniq by (user, level) with hits",
    "uniq by (num) limit 3 | stats count() n",
    "top 3 by (user)",
    "top 4 by (level, app) rank as r",
    "field_values level",
    "field_names",
    "facets",
    "sort by (_time) limit 7",
    "sort by (_time desc, user) offset 2 limit 5",
    "sort by (num desc) limit 4 | fields num",
    "first 3 by (_time)",
    "last 2 by (_time)",
    "stats by (user) count() n | sort by (n desc) limit 2 | fields n",
    "limit 0",
    "stats by (user:2) count() n",
    "stats by (num:100) count() n",
    "extract 'duration: <d> ms' | stats by (d) count() n | sort by (d) limit 5",
    "delete _msg, _stream | uniq by (app)",
    "stats by (user) row_max(num, num) r | fields user",
    "stats count_uniq(_stream_id) x, count_uniq(_time) y",
]


def rows_of(blocks: Iterator[Block]) -> list[str]:
    def number(v: str) -> str:
        # Sums of floats depend on the order in the last digits.
        try:
            return f"{float(v):.9g}"
        except ValueError:
            return v

    return sorted(
        json.dumps({k: number(v) for k, v in row.items()}, sort_keys=True) for b in blocks for row in b.row_dicts()
    )


def both(sources: Sources, text: str) -> tuple[list[str], list[str]]:
    query = parse(text, NOW)
    with sources.store.snapshot() as snapshot:
        source = StoreSource(sources.engine, snapshot, 0)
        in_sql = rows_of(run_query(query, source, Limits()))
        reference = rows_of(run(query, source if "value_type" in text else Memory(source), Limits()))
    return in_sql, reference


@pytest.mark.parametrize("where", FILTERS)
def test_filters(sources: Sources, where: str) -> None:
    in_sql, reference = both(sources, where)
    assert in_sql == reference
    counted, expected = both(sources, f"{where} | stats by (app) count() n, count_uniq(_msg) m")
    assert counted == expected


@pytest.mark.parametrize("where", ["*", "level:error"])
@pytest.mark.parametrize("field", ["user", "num", "nested.deep.k", "_stream", "_stream_id", "_msg"])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_over_its_limit_uniq_gives_the_first_of_the_first_streams(
    sources: Sources, where: str, field: str, limit: int
) -> None:
    """Streams are read by their ids until there are more values than asked for; of those the first by text are told."""
    every = [json.loads(row) for row in both(sources, f"{where} | fields _stream_id, {field} | delete _time")[1]]
    values: set[str] = set()
    for stream in sorted({row["_stream_id"] for row in every}):
        values |= {row.get(field, "") for row in every if row["_stream_id"] == stream}
        if len(values) > limit:
            break
    in_sql, _ = both(sources, f"{where} | field_values {field} limit {limit}")
    told = {row.get(field, ""): row["hits"] for row in map(json.loads, in_sql)}
    assert set(told) == set(sorted(values)[:limit])
    assert (set(told.values()) == {"0"}) == (len(values) > limit)


@pytest.mark.parametrize("pipe", PIPES)
@pytest.mark.parametrize("where", ["*", "duration", "level:error", "nosuchword", "mixed:>100"])
def test_pipes(sources: Sources, where: str, pipe: str) -> None:
    in_sql, reference = both(sources, f"{where} | {pipe}")
    assert in_sql == reference


def test_combinations_at_random(sources: Sources) -> None:
    rnd = random.Random(5)
    plain = [f for f in FILTERS if "|" not in f and "value_type" not in f]
    for _ in range(60):
        one, two = rnd.sample(plain, 2)
        text = f"({one}) {rnd.choice(['and', 'or', 'and not'])} ({two}) | {rnd.choice(PIPES[1:17])}"
        in_sql, reference = both(sources, text)
        assert in_sql == reference, text
