"""What syslog-ng makes of lines, as the log store has it: the same rows that Vector makes (tests/unit/log_agent)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.agentbox import LABELS, AgentBox, Store, programs_of
from tests.sandbox.stack import wait_for
from tests.unit.log_agent.samples import SAMPLES, ZONE, Sample

from staddle.components.log_agent.formats import FORMATS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.stack import Stack

    from staddle.components.registration import LogFormat

Rows = dict[str, list[dict[str, str]]]
WORDS = [word for level, words in LEVELS.items() for word in (*words, words[0].upper())]


@pytest.fixture(scope="module")
def rows(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Every sample's row, by `ins`: one file per format, in the order of the samples."""
    home = tmp_path_factory.mktemp("formats")
    store = Store(home / "store")
    formats: dict[str, LogFormat] = {str(name): name for name in FORMATS}
    agent = AgentBox(home / "box", programs_of(stack), [store.url], {**formats, "levels": "json"})
    store.start("-retentionPeriod=100y")
    try:
        agent.start(TZ=ZONE)
        for name in FORMATS:
            agent.log(name).write_text("".join(f"{sample.text}\n" for sample in SAMPLES if sample.format == name))
        agent.log("levels").write_text("".join(f'{{"level":"{word}","msg":"word {word}"}}\n' for word in WORDS))
        expected = len(SAMPLES) + len(WORDS)
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


def test_every_word_of_the_vocabulary_means_its_level(rows: Rows) -> None:
    assert {row["_msg"]: row["level"] for row in rows["demo-levels"]} == {
        f"word {word}": level for level, words in LEVELS.items() for word in (*words, words[0].upper())
    }
