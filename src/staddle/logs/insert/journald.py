"""`/insert/journald/upload`: systemd-journal-upload's export format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.logs.errors import IngestError
from staddle.logs.http.errors import HTTPError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink

LEVELS = ("emerg", "alert", "critical", "error", "warning", "notice", "info", "debug")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}", re.ASCII)
Row = dict[str, str]


def entries(data: bytes) -> Iterator[Row]:
    """Every entry as name -> value."""
    at = 0
    row: Row = {}
    while at < len(data):
        end = data.find(b"\n", at)
        if end < 0:
            end = len(data)
        line = data[at:end]
        at = end + 1
        if not line:
            if row:
                yield row
            row = {}
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[at : at + 8], "little")
            if at + 8 + size + 1 > len(data) or data[at + 8 + size : at + 9 + size] != b"\n":
                raise IngestError(f"the binary value of {line[:64]!r} is truncated")
            value = data[at + 8 : at + 8 + size]
            at += 9 + size
        row[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    if row:
        yield row


def to_row(entry: Row, time_field: str, *, metadata: bool) -> Row:
    """An entry as a row: `_time`, `_msg`, `level` and the rest. Raises IngestError when its time is none."""
    row: Row = {}
    for name, value in entry.items():
        if name == time_field:
            if not re.fullmatch(r"\d+", value, re.ASCII):
                raise IngestError(f"cannot parse timestamp {value!r}")
            row["_time"] = str(int(value) * 1000)
        elif name == "MESSAGE":
            row["_msg"] = value
        elif _NAME.fullmatch(name) and (metadata or not name.startswith("__")):
            row[name] = value
            if name == "PRIORITY" and value.isdigit() and int(value) < len(LEVELS):
                row["level"] = LEVELS[int(value)]
    return row


def handle(
    request: Request,
    answer: Answer,
    params: InsertParams,
    sink: Sink,
    limit: int,
    time_field: str,
    *,
    metadata: bool,
) -> None:
    """POST /insert/journald/upload."""
    if request.content_type != "application/vnd.fdo.journal":
        raise HTTPError(400, "only application/vnd.fdo.journal encoding is supported for Journald")
    try:
        rows = [to_row(e, time_field, metadata=metadata) for e in entries(request.read(limit))]
    except IngestError as error:
        raise HTTPError(400, f"cannot read journald data: {error}") from error
    sink.rows("journald", params.normalized(), rows)
    answer.headers.append(("Accept-Encoding", "zstd"))
    answer.send(200)
