"""What syslog-ng makes of lines, as the log store has it: the same rows that Vector makes (tests/unit/log_agent)."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.agentbox import LABELS, AgentBox, Store, programs_of
from tests.sandbox.stack import wait_for
from tests.unit.fleets import CA
from tests.unit.log_agent.samples import SAMPLES, ZONE, Sample

from staddle.components.log_agent.formats import FORMATS, LEVELS
from staddle.components.log_agent.receivers import Receiver
from staddle.components.log_agent.syslog_ng import configuration
from staddle.components.registration import LogSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.stack import Stack

    from staddle.components.registration import LogFormat

Rows = dict[str, list[dict[str, str]]]
WRITTEN: dict[str, LogFormat] = {"csvlog": "postgres_csv", "jsonlog": "postgres_json", "stderr": "postgres_log"}
"""What one PostgreSQL 15 wrote of the same events."""
POSTGRES = Path(__file__).parents[1] / "unit/log_agent/postgres15"
WORDS = [word for level, words in LEVELS.items() for word in (*words, words[0].upper())]


EVENTS = {"csvlog": 24, "jsonlog": 24, "stderr": 57}


@pytest.fixture(scope="module")
def rows(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Every sample's row, by `ins`: one file per format, in the order of the samples."""
    home = tmp_path_factory.mktemp("formats")
    store = Store(home / "store")
    formats: dict[str, LogFormat] = {str(name): name for name in FORMATS}
    agent = AgentBox(home / "box", programs_of(stack), [store.url], {**formats, **WRITTEN, "levels": "json"})
    store.start("-retentionPeriod=100y")
    try:
        agent.start(TZ=ZONE)
        for name in FORMATS:
            agent.log(name).write_text("".join(f"{sample.text}\n" for sample in SAMPLES if sample.format == name))
        agent.log("levels").write_text("".join(f'{{"level":"{word}","msg":"word {word}"}}\n' for word in WORDS))
        for written in WRITTEN:
            agent.log(written).write_bytes((POSTGRES / f"{written}.txt").read_bytes())
        expected = len(SAMPLES) + len(WORDS) + sum(EVENTS.values())
        wait_for("all rows", lambda: store.count("job:test")[0] >= expected, timeout=20)
        found: Rows = defaultdict(list)
        for row in store.query("job:test | sort by (_time)"):
            found[row["ins"]].append(row)
        yield found
    finally:
        agent.stop()
        store.stop()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.format}: {sample.text[:30]}")
def test_a_line_becomes_the_row_it_should(sample: Sample, rows: Rows) -> None:
    found = [row for row in rows[f"demo-{sample.format}"] if row["_msg"] == sample.message]
    assert len(found) == 1, [row["_msg"] for row in rows[f"demo-{sample.format}"]]
    [row] = found
    assert row["level"] == sample.level
    assert sample.time is None or datetime.fromisoformat(row["_time"]) == datetime.fromisoformat(f"{sample.time}Z")
    assert {key: row.get(key) for key in sample.fields} == sample.fields
    assert row.items() >= LABELS.items()
    assert row["_stream"] == f'{{ins="demo-{sample.format}",ip="127.0.0.1",job="test"}}'


def test_csvlog_and_jsonlog_of_a_server_are_the_same_rows(rows: Rows) -> None:
    """But for the text of a place in its source, and for the query's number, of which PostgreSQL itself tells two stories."""
    own = ("ins", "_stream", "_stream_id", "loc", "query")
    csv, json = (
        {(row["sid"], row["sln"]): {key: row[key] for key in row if key not in own} for row in rows[f"demo-{name}"]}
        for name in ("csvlog", "jsonlog")
    )
    assert len(csv) == EVENTS["csvlog"]
    for event, row in csv.items():
        assert row == json[event]
    [raised] = [row for row in csv.values() if row["level"] == "warning"]
    assert (raised["_msg"], raised["detail"], raised["hint"]) == ('x, "y"\nz', "more\nlines", "try")
    assert (raised["addr"], raised["func"], raised["line"]) == ("127.0.0.1", "exec_stmt_raise", "3891")
    assert any(row.get("duration") == "0.271" for row in csv.values())


def test_stderr_of_a_server_is_read_line_by_line_with_what_belongs_to_a_statement(rows: Rows) -> None:
    found = rows["demo-stderr"]
    assert len(found) == EVENTS["stderr"]
    assert {row["level"] for row in found} == {"info", "warning", "error"}
    assert 'SELECT * FROM nope\n\t -- comment, "quoted"' in [row["_msg"] for row in found]
    assert {row["user"] for row in found if row["level"] == "error"} == {"postgres"}


def test_every_word_of_the_vocabulary_means_its_level(rows: Rows) -> None:
    assert {row["_msg"]: row["level"] for row in rows["demo-levels"]} == {
        f"word {word}": level for level, words in LEVELS.items() for word in (*words, words[0].upper())
    }


def test_syslog_ng_accepts_the_configuration_of_a_real_host(stack: Stack, tmp_path: Path) -> None:
    """With the journal, the logs of every module, and a receiver behind TLS. It is only read: there is no journal here."""
    (tmp_path / "ca.crt").write_bytes(CA.read_bytes())
    own = stack.root / "etc/pki"
    program = programs_of(stack)["syslog-ng"]
    labels = {**LABELS, "ins": "demo-1"}
    sources = [LogSource(name, name, labels, (f"/logs/{name}.log",)) for name in FORMATS]
    config = configuration(
        [LogSource("journal", "plain", labels, kind="journald"), *sources],
        [
            Receiver("infra-1", "https://10.0.0.1/vlogs/insert/jsonline", identified=True),
            Receiver("url-2", "https://x/insert/jsonline"),
            Receiver("url-3", "http://10.0.0.1:9428/insert/jsonline"),
        ],
        follow=f"{tmp_path}/follow",
        queue=f"{tmp_path}/queue",
        queue_bytes=2**30,
        ca=f"{tmp_path}/ca.crt",
        identity=(f"{own}/node.crt", f"{own}/node.key"),
        release=program.release,
    )
    (tmp_path / "syslog-ng.conf").write_bytes(config)
    box = AgentBox(tmp_path / "box", programs_of(stack), ["http://127.0.0.1:1"], {})
    result = subprocess.run(
        [*box.command(), "--syntax-only", "--cfgfile", f"{tmp_path}/syslog-ng.conf"],
        env=dict(program.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
