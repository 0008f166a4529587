"""Rows as the log agent makes them of what PostgreSQL 15 logged (jsonlog; auto_explain, lock waits, several formats)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.components.log_agent.formats import POSTGRES_JSON

if TYPE_CHECKING:
    from staddle.slowsql.spans import Row

LABELS = {"job": "postgres", "cls": "pg-test", "ins": "pg-test-1", "ip": "10.0.0.5"}


def recorded() -> list[Row]:
    lines = Path(__file__).with_name("postgres15.jsonl").read_text(encoding="utf-8").splitlines()
    return [_row(json.loads(line)) for line in lines]


def _row(logged: dict[str, object]) -> Row:
    fields = {POSTGRES_JSON.get(key, key): str(value) for key, value in logged.items()}
    time = fields.pop("time").replace(" UTC", "").replace(" ", "T")
    return {**LABELS, **fields, "_time": f"{time}000+00:00", "_msg": fields.pop("message")}


def made(
    text: str, *, at: int = 1_000_000_000_000, sid: str = "a.b", sln: int = 1, ins: str = "pg-1", **more: str
) -> Row:
    """A row with this message, at so many nanoseconds since the epoch."""
    import datetime as dt

    seconds, fraction = divmod(at, 1_000_000_000)
    stamp = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    own = {"_time": f"{stamp}.{fraction:09d}Z", "_msg": text, "sid": sid, "sln": str(sln), "ins": ins}
    return {**LABELS, **own, **more}
