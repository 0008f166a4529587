"""Answers requests for a page's files."""

from __future__ import annotations

from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from staddle.logs.ui import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from staddle.logs.http.messages import Answer, Request

ROOT = "/select/vmui/"
"""The page's path; the files lie below it."""

# Log rows are written by strangers. Should one ever get past the escaping, it still can't load or run anything.
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class Pages:
    """A page's files, as `load` gives them, below ROOT."""

    root = ROOT

    def __init__(self, load: Callable[[], Mapping[str, bytes]]) -> None:
        self._load = load

    def serve(self, request: Request, answer: Answer) -> bool:
        """Answer a request for a path below ROOT; False when there is no such file.

        Hashed names may be kept for ever. The page itself is asked for again each time, which costs nothing while it
        is the same.
        """
        name = request.path.removeprefix(ROOT) or "index.html"
        content = self._load().get(name)
        if content is None:
            return False
        tag = f'"{sha256(content).hexdigest()[:16]}"'
        for_ever = name.startswith(files.FOLDER)
        answer.headers += [
            ("Cache-Control", "public, max-age=31536000, immutable" if for_ever else "no-cache"),
            ("ETag", tag),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
        ]
        if tag in request.headers.get("if-none-match", ""):
            answer.send(304)
        else:
            answer.send(200, content, _TYPES[PurePosixPath(name).suffix])
        return True
