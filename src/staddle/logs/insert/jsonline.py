"""`/insert/jsonline`: the bulk way in. Bodies go to the log as they are; only as much is parsed as an answer
needs.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from staddle.logs.http.errors import HTTPError
from staddle.logs.logsql.times import parse_rfc3339
from staddle.store.flatten import parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.http.body import Reader
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink
    from staddle.store.rowformat import RowFormat

log = logging.getLogger(__name__)

FIRST_BUFFER = 128 << 10
FULL_BUFFER = 4 << 20
FLUSH_SECONDS = 1.0
_PARTIAL = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d(:\d\d)?)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_UNIX = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def line_error(line: bytes, row_format: RowFormat) -> str:
    """Why a line can't be stored; empty when it can."""
    row = parse_object(line.decode("utf-8", "replace"))
    if row is None:
        return "cannot parse json-encoded line: it is not a JSON object"
    for name in row_format.time_fields:
        if row.get(name) is not None:
            reason = time_error(str(row[name]))
            return f'cannot parse timestamp from field "{name}": {reason}' if reason else ""
    return ""


def time_error(text: str) -> str:
    """Why a time can't be read; empty when it can."""
    if text in {"", "0", "-"} or (len(text) > 4 and text[4] == "-" and _is_iso(text)):
        return ""
    if len(text) > 4 and text[4] == "-":
        return f'cannot parse timestamp "{text}"'
    return "" if _UNIX.fullmatch(text) else f'cannot parse unix timestamp "{text}"'


def _is_iso(text: str) -> bool:
    return (
        parse_rfc3339(text) is not None
        or _PARTIAL.fullmatch(text) is not None
        or parse_rfc3339(f"{text[:-2]}:{text[-2:]}") is not None
    )


class LineReader:
    """Cuts a body into pieces of whole lines of at most `max_line` bytes; what is longer is dropped and
    counted.
    """

    def __init__(self, reader: Reader, max_line: int) -> None:
        self._reader = reader
        self._limit = max(FULL_BUFFER, 2 * max_line)
        self.dropped = 0

    def pieces(self) -> Iterator[tuple[memoryview, int]]:
        """Memory views that end in a newline, each valid until the next is asked for, with their number of
        lines.
        """
        buffer = bytearray(FIRST_BUFFER)
        fill, skipping, since = 0, False, time.monotonic()
        while True:
            n = self._reader.readinto(memoryview(buffer)[fill:])
            fill += n
            if n and fill < len(buffer) and time.monotonic() - since < FLUSH_SECONDS:
                continue
            if not n and fill and buffer[fill - 1] != 10:
                if fill == len(buffer):
                    buffer += b"\n"
                else:
                    buffer[fill] = 10
                fill += 1
            cut = buffer.rfind(b"\n", 0, fill) + 1
            start = 0
            if cut and skipping:
                start = buffer.find(b"\n", 0, fill) + 1
                skipping = False
            if cut > start:
                yield memoryview(buffer)[start:cut], buffer.count(b"\n", start, cut)
                since = time.monotonic()
            rest = bytes(buffer[cut:fill])
            if not n:
                return
            if not cut and fill >= self._limit:
                self.dropped += 0 if skipping else 1
                skipping, rest = True, b""
            if fill == len(buffer) and len(buffer) < self._limit:
                buffer = bytearray(min(4 * len(buffer), self._limit))
            buffer[: len(rest)] = rest
            fill = len(rest)


def store_lines(sink: Sink, kind: str, params: InsertParams, reader: Reader) -> tuple[int, str]:
    """Store a body of JSON lines: how many, and the error of the last line if none could be stored.

    Only the first good line is looked for here; bad lines after it are found, counted and logged on
    conversion.
    """
    good, last_error, rows = False, "", 0
    lines = LineReader(reader, params.row_format.max_line)
    for piece, count in lines.pieces():
        if not good:
            good, last_error = _any_good(piece, params.row_format, last_error)
            if not good:
                continue
        sink.lines(kind, params, piece, count)
        rows += count
    return rows, "" if good else last_error


def _any_good(piece: memoryview, row_format: RowFormat, last_error: str) -> tuple[bool, str]:
    for line in bytes(piece).split(b"\n"):
        text = line.strip()
        if not text:
            continue
        reason = line_error(text, row_format)
        if not reason:
            return True, ""
        shown = text.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"')
        last_error = f'{reason}; line contents: "{shown[:1000]}"'
    return False, last_error


def handle(request: Request, answer: Answer, params: InsertParams, sink: Sink) -> None:
    """POST /insert/jsonline."""
    if request.method != "POST":
        raise HTTPError(405, "only POST is allowed")
    _, error = store_lines(sink, "jsonline", params, request.reader())
    if error:
        raise HTTPError(400, f"cannot process jsonline request; error: {error}")
    answer.send(200, b"", "application/json")
