"""What becomes of `pgbackrest info`: answers of pgBackRest 2.45, as metrics."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.exporters.exposition import Family, render
from staddle.exporters.pgbackrest import Repository, metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

HERE = Path(__file__).parent
LAST = 1795425377
"""When the last of the three backups in the sample was complete."""


def said(name: str) -> Any:
    return json.loads((HERE / f"pgbackrest-{name}.json").read_text())


def values(families: Iterable[Family], name: str, label: str) -> dict[str, float]:
    """The samples of a metric, by one of their labels."""
    return {labels[label]: value for family in families if family.name == name for labels, value in family.samples}


def test_a_full_backup_is_a_differential_and_an_incremental_one_too() -> None:
    found = metrics(said("backups"), LAST + 10)
    ages = values(found, "pgbackrest_backup_since_last_completion_seconds", "backup_type")
    assert ages == {"full": 15, "diff": 10, "incr": 10}
    sizes = values(found, "pgbackrest_backup_last_repo_size_bytes", "backup_type")
    assert sizes == {"full": 3043654, "diff": 3043656, "incr": 3043656}
    durations = values(found, "pgbackrest_backup_duration_seconds", "backup_name")
    assert list(durations.values()) == [5, 2, 1]


def test_a_repository_without_a_backup_says_so() -> None:
    found = metrics(said("none"), LAST)
    assert values(found, "pgbackrest_stanza_status", "stanza") == {"main": 2}
    assert values(found, "pgbackrest_repo_status", "repo_key") == {"1": 2}
    assert values(found, "pgbackrest_wal_archive_status", "pg_version") == {"15": 0}
    assert not any(family.name.startswith("pgbackrest_backup_") for family in found)


def test_many_backups_are_few_series() -> None:
    [stanza] = said("backups")
    one = stanza["backup"][0]
    stanza["backup"] = [{**one, "label": f"backup-{number:03}"} for number in range(500)]
    names = values(metrics([stanza], LAST), "pgbackrest_backup_info", "backup_name")
    assert sorted(names) == [f"backup-{number:03}" for number in range(480, 500)]


def test_what_it_can_not_tell_is_not_told_from_memory(tmp_path: Path) -> None:
    program = tmp_path / "pgbackrest"
    program.write_text(f"#!/bin/sh\ncat {HERE}/pgbackrest-backups.json\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    repository = Repository([str(program)], 60)
    assert repository.families(LAST) == []
    repository.ask()
    assert values(repository.families(LAST), "pgbackrest_exporter_status", "stanza") == {"all-stanzas": 1}
    assert values(repository.families(LAST), "pgbackrest_stanza_status", "stanza") == {"main": 0}
    program.write_text("#!/bin/sh\necho 'ERROR: [055]: gone' >&2; exit 55\n")
    repository.ask()
    assert values(repository.families(LAST), "pgbackrest_exporter_status", "stanza") == {"all-stanzas": 0}
    assert values(repository.families(LAST), "pgbackrest_stanza_status", "stanza") == {}


def test_labels_are_quoted() -> None:
    family = Family("x_total", "Some.")
    family.add(1, name='a"b\\c\nd')
    assert render([family]) == '# HELP x_total Some.\n# TYPE x_total counter\nx_total{name="a\\"b\\\\c\\nd"} 1\n'


def test_pgbackrest_is_not_told_what_the_exporter_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes `PGBACKREST_…` for options of its own, and says on standard output that it knows none of that name."""
    monkeypatch.setenv("PGBACKREST_EXPORTER_OPTS", "-m staddle.exporters.pgbackrest")
    monkeypatch.setenv("PGBACKREST_CONFIG", "/etc/own.conf")
    program = tmp_path / "pgbackrest"
    program.write_text(f"#!/bin/sh\nenv > {tmp_path}/told\necho '[]'\n")
    program.chmod(0o755)
    Repository([str(program)], 60).ask()
    told = (tmp_path / "told").read_text()
    assert "PGBACKREST_CONFIG=/etc/own.conf" in told
    assert "EXPORTER" not in told
