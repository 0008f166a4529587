"""`/insert/datadog/*`: Datadog's log intake."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from staddle.logs.http.errors import HTTPError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink


def parse_row(item: Any, default_ms: str) -> dict[str, str]:
    """One log of the array. Raises HTTPError 400."""
    if not isinstance(item, dict):
        raise HTTPError(400, "cannot read DataDog logs: an item is not an object")
    row: dict[str, str] = {}
    stamp = default_ms
    for key, value in item.items():
        if key == "message":
            _message(row, value)
        elif key == "timestamp":
            stamp = str(value)
        elif not isinstance(value, str):
            raise HTTPError(400, f"cannot read DataDog logs: field {key!r} must be a string")
        elif key == "ddtags":
            for tag in value.split(","):
                name, _, text = tag.partition(":")
                row[name or "no_label_name"] = text or "no_label_value"
        else:
            row[key] = value
    if re.fullmatch(r"\d+", stamp, re.ASCII) and int(stamp):
        row["_time"] = str(int(stamp) * 1_000_000)
    return row


def _message(row: dict[str, str], value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            name = "_msg" if key == "message" else key
            if isinstance(inner, dict):
                for deep, text in inner.items():
                    row[f"{name}.{deep}"] = text if isinstance(text, str) else json.dumps(text)
            elif name != "timestamp":
                row[name] = inner if isinstance(inner, str) else json.dumps(inner)
    else:
        row["_msg"] = value if isinstance(value, str) else json.dumps(value)


def handle(
    request: Request,
    answer: Answer,
    params: InsertParams,
    sink: Sink,
    limit: int,
    defaults: tuple[Sequence[str], Sequence[str]],
) -> None:
    """POST /insert/datadog/api/v2/logs. `defaults` are stream and ignored fields."""
    data = request.read(limit)
    try:
        items = json.loads(data) if data else []
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, f"cannot read DataDog logs: {error}") from error
    stamp = request.headers.get("dd-message-timestamp", "")
    rows = [parse_row(item, stamp) for item in (items if isinstance(items, list) else [items])]
    params = params.with_streams(defaults[0]).with_ignored(defaults[1])
    sink.rows("datadog", params.normalized(), rows)
    answer.send(202, b"{}", "application/json")
