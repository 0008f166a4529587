"""Blocks as JSON lines."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staddle.logs.logsql.source import Block

FIRST = ("_time", "_stream_id", "_stream", "_msg")


def json_lines(block: Block) -> bytes:
    """One JSON object a row: its fields that are not empty, as strings. Rows without any are left out."""
    columns = block.materialized()
    names = [n for n in FIRST if n in columns] + [n for n in columns if n not in FIRST]
    keys = [encode_basestring(n) + ":" for n in names]
    values = [columns[n] for n in names]
    out: list[str] = []
    # encode_basestring is C code; json.dumps would build the whole object anew for every row.
    for row in zip(*values, strict=True):
        text = ",".join([k + encode_basestring(v) for k, v in zip(keys, row, strict=True) if v])
        if text:
            out.append(f"{{{text}}}\n")
    return "".join(out).encode("utf-8", "replace")


def hits_values(pairs: list[tuple[str, int]]) -> bytes:
    """`{"values":[{"value":...,"hits":...}]}`."""
    items = [{"value": v, "hits": n} for v, n in pairs]
    return json.dumps({"values": items}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
