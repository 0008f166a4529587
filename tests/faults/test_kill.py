"""What SIGKILL at a random moment leaves behind: every acknowledged row once, no row twice, nothing that was
never sent.

STADDLE_KILLS sets the number of rounds (100 by default for the published figure, fewer in ordinary runs).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import psutil
import pytest
from tests.faults.appender import quick_options

from staddle.store.store import Store

ROUNDS = int(os.environ.get("STADDLE_KILLS", "6"))
APPENDER = Path(__file__).with_name("appender.py")
ID = {"lines": "id", "spans": "cast('0x' || span_id as bigint) - 1"}
ROOT = Path(__file__).resolve().parents[2]


def append_until_killed(
    folder: Path, first: int, rows: int, seconds: float, victim: str, kind: str
) -> tuple[range, range, int]:
    """Ids acknowledged, ids sent, and the next free id. `victim` is the process to kill first: "server" or
    "worker".
    """
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, str(APPENDER), str(folder), str(first), str(rows), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("pids")
        time.sleep(seconds)
        if victim == "worker":
            for child in psutil.Process(process.pid).children():
                child.kill()
            time.sleep(seconds / 2)
        process.send_signal(signal.SIGKILL)
        output = process.stdout.read().splitlines()
    done = [int(x.split()[1]) + rows for x in output if x.startswith("done") and len(x.split()) == 3]
    begun = [int(x.split()[1]) + rows for x in output if x.startswith("begin") and len(x.split()) == 3]
    acknowledged, sent = max(done, default=first), max(begun, default=first) + rows
    return range(first, acknowledged), range(first, sent), sent


def stored_ids(folder: Path, kind: str) -> Counter[int]:
    """How often every id is in the store, after recovery."""
    store = Store(quick_options(folder, kind))
    try:
        assert store.flush(60)
        with store.snapshot() as snapshot:
            files = [str(snapshot.path(p)) for p in snapshot.parts]
            assert sum(p.rows for p in snapshot.parts) == (
                duckdb.execute("select count(*) from read_parquet(?)", [files]).fetchall()[0][0] if files else 0
            )
            rows = (
                duckdb.execute(
                    f"select {ID[kind]}, count(*) from read_parquet(?, union_by_name=true) group by 1", [files]
                ).fetchall()
                if files
                else []
            )
    finally:
        store.close()
    return Counter({int(i): n for i, n in rows})


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ID)
def test_kill_at_random_moments(tmp_path: Path, kind: str) -> None:
    seed = int(os.environ.get("STADDLE_SEED", "1"))
    rnd = random.Random(seed)
    acknowledged: set[int] = set()
    sent: set[int] = set()
    first = 0
    converted = 0
    for round_number in range(ROUNDS):
        rows = rnd.choice([1, 7, 50, 400])
        victim = rnd.choice(["server", "server", "worker"])
        done, begun, first = append_until_killed(tmp_path, first, rows, rnd.uniform(0.05, 1.6), victim, kind)
        acknowledged.update(done)
        sent.update(begun)
        found = stored_ids(tmp_path, kind)
        lost = acknowledged - found.keys()
        doubled = [i for i, n in found.items() if n > 1]
        assert not lost, f"round {round_number}: {len(lost)} acknowledged rows are lost, e.g. {sorted(lost)[:5]}"
        assert not doubled, f"round {round_number}: {len(doubled)} rows are there twice, e.g. {doubled[:5]}"
        assert not found.keys() - sent, f"round {round_number}: rows that nobody sent"
        converted = len(found)
    assert converted >= len(acknowledged) > 0
    print(f"{ROUNDS} kills: {len(acknowledged)} rows acknowledged, {converted} stored, none lost, none doubled")
