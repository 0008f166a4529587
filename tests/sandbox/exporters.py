"""Exporters without a stack: what one tells, and postgres_exporter with our queries, run as its component runs it."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.sandbox.debian import Debian
from tests.sandbox.stack import free_port, wait_for

from staddle.components.postgres_exporter import collectors
from staddle.components.postgres_exporter.catalogue import queries_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PostgresExporter:
    """One at work: where its metrics are, its process, and what it logged."""

    url: str
    pid: int
    log: Path


@contextlib.contextmanager
def postgres_exporter(programs: Debian, name: str, source: str, **environment: str) -> Iterator[PostgresExporter]:
    """`name` tells it from others in the same home; `source` is how it connects; `environment` is added to its own."""
    program, home, port = programs.programs["postgres_exporter"], programs.home / name, free_port()
    home.mkdir()
    (home / "queries.yml").write_bytes(queries_file())
    told = replace(program, environment={**program.environment, "DATA_SOURCE_NAME": source, **environment})
    own = Debian(home, {"postgres_exporter": told})
    flags = (
        f"--web.listen-address=127.0.0.1:{port}",
        "--disable-default-metrics",
        "--disable-settings-metrics",
        *(f"--no-collector.{each}" for each in collectors(program.version)),
        f"--extend.query-path={home / 'queries.yml'}",
        "--auto-discover-databases",
    )
    with own.running("postgres_exporter", *flags) as process:
        yield PostgresExporter(f"http://127.0.0.1:{port}/metrics", process.pid, home / "postgres_exporter.out")


def page(url: str, last: str) -> str:
    """What an exporter tells once it tells `last`."""

    def look() -> str | None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text: str = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return None
        return text if last in text else None

    return wait_for(f"{last} at {url}", look, 30)
