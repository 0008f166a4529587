"""`/insert/elasticsearch/*`: the bulk API, and what Elasticsearch clients ask for before they use it."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.logs.http.errors import HTTPError
from staddle.logs.insert.jsonline import LineReader, line_error

if TYPE_CHECKING:
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink

log = logging.getLogger(__name__)

JSON = "application/json"
PREFIXES = ("/_ilm/policy", "/_index_template", "/_ingest", "/_nodes", "/logstash", "/_logstash")
_COMMAND = re.compile(rb'"(?:create|index)"')
_ITEM = b'{"create":{"status":201}}'
LICENSE = """{
\t\t\t"license": {
\t\t\t\t"uid": "cbff45e7-c553-41f7-ae4f-9205eabd80xx",
\t\t\t\t"type": "oss",
\t\t\t\t"status": "active",
\t\t\t\t"expiry_date_in_millis" : 4000000000000
\t\t\t}
\t\t}"""


def version_text(version: str) -> bytes:
    """The answer to the root path."""
    return f'{{\n\t\t\t"version": {{\n\t\t\t\t"number": "{version}"\n\t\t\t}}\n\t\t}}'.encode()


def handle(request: Request, answer: Answer, path: str, params: InsertParams, sink: Sink, version: str) -> bool:
    """Everything below /insert/elasticsearch; `path` is the rest. False when there is no such endpoint."""
    answer.headers.append(("X-Elastic-Product", "Elasticsearch"))
    if path in {"", "/"}:
        answer.send(200, b"" if request.method == "HEAD" else version_text(version), JSON)
    elif path == "/_license":
        answer.send(200, LICENSE.encode(), JSON)
    elif path == "/_bulk":
        bulk(request, answer, params, sink)
    elif path.startswith(PREFIXES):
        answer.send(200, b"{}", JSON)
    else:
        return False
    return True


def bulk(request: Request, answer: Answer, params: InsertParams, sink: Sink) -> None:
    """POST /_bulk. After a malformed line the rows before it stay, and the answer is empty, like the
    original's.
    """
    if request.method != "POST":
        raise HTTPError(405, "only POST is allowed")
    began = time.monotonic()
    params = replace(params, row_format=replace(params.row_format))
    rows, error = _store(request, params, sink)
    if error:
        log.warning("Elasticsearch bulk request: %s", error)
        answer.send(200, b"", JSON)
        return
    took = int((time.monotonic() - began) * 1000)
    items = b",".join([_ITEM] * rows)
    answer.send(200, b'{"took":%d,"errors":false,"items":[%b]}' % (took, items), JSON)


def _store(request: Request, params: InsertParams, sink: Sink) -> tuple[int, str]:
    total, command = 0, True
    for piece, _ in LineReader(request.reader(), params.row_format.max_line).pieces():
        good: list[bytes] = []
        error = ""
        for line in bytes(piece).split(b"\n"):
            if not line.strip():
                continue
            if command:
                if not _COMMAND.search(line):
                    error = f"unexpected command {line[:200]!r}; want `create` or `index`"
                    break
            elif not total and not good and (error := line_error(line, params.row_format)):
                break
            else:
                good.append(line)
            command = not command
        if good:
            sink.lines("elasticsearch_bulk", params, b"\n".join(good) + b"\n", len(good))
            total += len(good)
        if error:
            return total, error
    return total, ""
