"""The console's built pages: which file answers a path, compressed or not, and how long a browser may keep it.

What `web/build.py` made is in `assets/` beside this module. Names below `assets/` in there carry a hash of their content.
"""

from __future__ import annotations

import gzip
import html
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

FOLDER = Path(__file__).with_name("assets")
INDEX = "index.html"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

# Emotion, which @grafana/ui styles itself with, makes style sheets while it runs. Scripts come from here only: none in the
# page, none made of text.
POLICY = "; ".join(  # noqa: FLY002 (one line each)
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)

_BASE = re.compile(r'<base href="[^"]*"')
_HASHED = "assets/"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. `packed` is its gzip, if it is worth that."""

    content: bytes | None
    packed: bytes | None
    content_type: str
    cache: str
    tag: str

    def plain(self) -> bytes:
        """For who takes no gzip."""
        return self.content if self.content is not None else gzip.decompress(self.packed or b"")


def are_built(folder: Path = FOLDER) -> bool:
    """Whether there is anything to serve."""
    return any((folder / name).is_file() for name in (INDEX, f"{INDEX}.gz"))


class Assets:
    """The files of `folder`, kept in memory once they were asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._load = lru_cache(maxsize=512)(self._read)
        self._names = frozenset(
            str(path.relative_to(folder)).removesuffix(".gz") for path in folder.rglob("*") if path.is_file()
        )

    def get(self, name: str) -> Asset | None:
        """A file by its path below the console; None if there is none."""
        return self._load(name) if name in self._names else None

    @lru_cache(maxsize=8)  # noqa: B019 - one object for the life of the program
    def index(self, base: str) -> Asset:
        """The page itself, to be served at `base`: what it refers to is relative to that."""
        asset = self._load(INDEX)
        tag = f'<base href="{html.escape(base)}"'
        content = _BASE.sub(lambda _: tag, asset.plain().decode()).encode()
        return Asset(content, gzip.compress(content, 9, mtime=0), asset.content_type, ASK_AGAIN, _tag(content))

    def _read(self, name: str) -> Asset:
        packed_file = self._folder / f"{name}.gz"
        packed = packed_file.read_bytes() if packed_file.is_file() else None
        content = None if packed is not None else (self._folder / name).read_bytes()
        cache = FOR_EVER if name.startswith(_HASHED) else ASK_AGAIN
        suffix = PurePosixPath(name).suffix
        return Asset(
            content, packed, _TYPES.get(suffix, "application/octet-stream"), cache, _tag(packed or content or b"")
        )


def _tag(content: bytes) -> str:
    return f'"{sha256(content).hexdigest()[:16]}"'
