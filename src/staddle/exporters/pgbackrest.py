"""`pgbackrest info` as metrics, with the names of woblerr's exporter.

Asking may take long where a repository is far away: it is done now and then, and what was heard last is what is told. How old
a backup is, is told as of now.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from staddle.exporters.exposition import Family
from staddle.exporters.server import serve, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

log = logging.getLogger("staddle.exporters.pgbackrest")

_TYPES = ("full", "diff", "incr")
"""A backup counts as one of the later types, too: a full one is as good as an incremental one."""
_NEWEST = 20
"""Of how many backups of a stanza there are metrics for each."""
_TIMEOUT = 120.0

# Of a backup: the end of the metric's name, what it means, and where it is in the JSON.
_SIZES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "size_bytes": ("Size of the database.", ("info", "size")),
    "delta_bytes": ("How much of it this backup had to read.", ("info", "delta")),
    "repo_size_bytes": ("What restoring it reads from the repository.", ("info", "repository", "size")),
    "repo_delta_bytes": ("What this backup added to the repository.", ("info", "repository", "delta")),
}


class Repository:
    """What pgBackRest said last, asked for every `interval` seconds once `start`ed."""

    def __init__(self, argv: Sequence[str], interval: float) -> None:
        self._argv, self._interval = list(argv), interval
        self._lock = threading.Lock()
        self._stanzas: list[dict[str, Any]] | None = None
        self._ok = False

    def start(self) -> None:
        threading.Thread(target=self._again, daemon=True, name="info").start()

    def ask(self) -> None:
        """Run it once. What it can't tell now is not told from memory."""
        try:
            stanzas, reason = self._run(), ""
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            stanzas, reason = None, str(error)
        with self._lock:
            if reason and (self._ok or self._stanzas is None):
                log.warning("%s", reason)
            self._ok, self._stanzas = not reason, stanzas or []

    def families(self, now: float) -> list[Family]:
        with self._lock:
            stanzas, ok = self._stanzas, self._ok
        if stanzas is None:
            return []
        status = Family("pgbackrest_exporter_status", "Whether pgBackRest could be asked.")
        status.add(float(ok), stanza="all-stanzas")
        return [status, *metrics(stanzas, now)]

    def _again(self) -> None:
        while True:
            self.ask()
            time.sleep(self._interval)

    def _run(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [*self._argv, "info", "--output=json", "--log-level-console=error"],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            cwd="/",
        )
        if done.returncode:
            raise ValueError(
                f"pgbackrest info: {(done.stderr or done.stdout).decode('utf-8', 'replace').strip()[-300:]}"
            )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def _environment() -> dict[str, str]:
    """Without what our unit is told by: pgBackRest takes every variable of that beginning for an option of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PGBACKREST_EXPORTER_")}


def metrics(stanzas: Iterable[Mapping[str, Any]], now: float) -> list[Family]:
    """Everything about the stanzas, as of `now`."""
    book = _Book()
    for stanza in stanzas:
        name = str(stanza["name"])
        status = stanza.get("status", {})
        book.add("stanza_status", "0: all is well. Others as pgBackRest has them.", status.get("code", 99), stanza=name)
        lock = status.get("lock", {}).get("backup", {})
        book.add("stanza_lock_status", "Whether it is at work.", bool(lock.get("held")), stanza=name)
        for repo in stanza.get("repo", ()):
            labels = {"stanza": name, "repo_key": str(repo["key"]), "cipher": str(repo.get("cipher", ""))}
            code = repo.get("status", {}).get("code", 99)
            book.add("repo_status", "0: all is well. Others as pgBackRest has them.", code, **labels)
        _archives(book, name, stanza)
        backups = sorted(stanza.get("backup", ()), key=lambda backup: (backup["timestamp"]["stop"], backup["label"]))
        for backup in backups[-_NEWEST:]:
            _each(book, name, backup, stanza)
        _last(book, name, backups, now)
    return list(book.families.values())


class _Book:
    def __init__(self) -> None:
        self.families: dict[str, Family] = {}

    def add(self, name: str, text: str, value: float, **labels: str) -> None:
        full = f"pgbackrest_{name}"
        self.families.setdefault(full, Family(full, text)).add(float(value), **labels)


def _archives(book: _Book, stanza: str, data: Mapping[str, Any]) -> None:
    for archive in data.get("archive", ()):
        labels = {**_database(archive, data), "stanza": stanza}
        there = archive.get("min") is not None and archive.get("max") is not None
        book.add("wal_archive_status", "Whether there is WAL in the archive.", there, **labels)


def _database(part: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    database = part.get("database", {})
    number, repo = database.get("id", 0), database.get("repo-key", 0)
    version = next((db["version"] for db in data.get("db", ()) if db["id"] == number and db["repo-key"] == repo), "")
    return {"database_id": str(number), "repo_key": str(repo), "pg_version": str(version)}


def _each(book: _Book, stanza: str, backup: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    database = _database(backup, data)
    version = database.pop("pg_version")
    labels = {**database, **_kind(backup), "stanza": stanza, "backup_name": str(backup["label"])}
    more = {"pg_version": version, "prior": str(backup.get("prior") or "")}
    book.add("backup_info", "Always 1.", 1, **labels, **more)
    for name, text, value in _values(backup):
        book.add(f"backup_{name}", text, value, **labels)


def _last(book: _Book, stanza: str, backups: Sequence[Mapping[str, Any]], now: float) -> None:
    for position, kind in enumerate(_TYPES):
        counting = [backup for backup in backups if backup["type"] in _TYPES[: position + 1]]
        if not counting:
            continue
        backup = counting[-1]
        labels = {"stanza": stanza, **_kind(backup), "backup_type": kind}
        age = max(0.0, now - backup["timestamp"]["stop"])
        book.add("backup_since_last_completion_seconds", "Age of the newest backup of this kind.", age, **labels)
        for name, text, value in _values(backup):
            book.add(f"backup_last_{name}", text, value, **labels)


def _kind(backup: Mapping[str, Any]) -> dict[str, str]:
    # With block incremental backups, the sizes have a map beside them.
    blocks = "delta-map" in backup.get("info", {}).get("repository", {})
    return {"backup_type": str(backup["type"]), "block_incr": "y" if blocks else "n"}


def _values(backup: Mapping[str, Any]) -> Iterable[tuple[str, str, float]]:
    stamp = backup["timestamp"]
    yield "duration_seconds", "How long it took.", stamp["stop"] - stamp["start"]
    if "error" in backup:
        yield "error_status", "Whether pages failed their checksums.", bool(backup["error"])
    for name, (text, path) in _SIZES.items():
        value: Any = backup
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield name, text, value


def main(arguments: list[str] | None = None) -> int:
    """`pgbackrest SETTINGS`: listens until SIGTERM."""
    [path] = sys.argv[1:] if arguments is None else arguments
    try:
        settings = settings_of(path)
        repository = Repository(settings["argv"], settings["interval"])
        serve(settings, lambda: repository.families(time.time()), repository.start)
    except (OSError, ValueError, KeyError) as error:
        print(f"pgbackrest_exporter: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
