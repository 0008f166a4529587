"""Differences for a human to read."""

from __future__ import annotations

import difflib

_LIMIT_BYTES = 200_000
_LIMIT_LINES = 4_000


def difference(path: str, old: bytes | None, new: bytes | None, *, secret: bool) -> str:
    """A unified diff; one line of sizes when that would be unreadable or too long, and only the fact when it is secret.

    None means that there is no file on that side.
    """
    if secret:
        return "(secret: the content is not shown)"
    if old == new:
        return ""
    lines_old, lines_new = _lines(old), _lines(new)
    if lines_old is None or lines_new is None or len(lines_old) + len(lines_new) > _LIMIT_LINES:
        return f"(content: {_size(old)} → {_size(new)})"
    diff = difflib.unified_diff(
        lines_old,
        lines_new,
        "/dev/null" if old is None else path,
        "/dev/null" if new is None else path,
        lineterm="",
    )
    out: list[str] = []
    for line in diff:
        out.append(line.removesuffix("\n"))
        if not line.endswith("\n") and line[:1] in "+- " and not line.startswith(("--- ", "+++ ")):
            out.append("\\ No newline at end of file")
    return "\n".join(out) + "\n"


def _lines(content: bytes | None) -> list[str] | None:
    if content is None:
        return []
    if len(content) > _LIMIT_BYTES or b"\0" in content:
        return None
    try:
        return content.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return None


def _size(content: bytes | None) -> str:
    return "nothing" if content is None else f"{len(content)} bytes"
