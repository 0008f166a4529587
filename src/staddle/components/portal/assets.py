"""The portal's static files under names that carry a hash of their content, so that browsers may keep them for ever.

A reference from one file to another (a module's import, a font in the style sheet) is rewritten to the hashed name
before the referring file is hashed itself: a change anywhere gives every file that leads to it a new name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATIC = "_staddle/static"
"""Where the files lie below the web root."""

_SOURCE = Path(__file__).parent / "static"
_IMPORT = re.compile(r"""((?:from|import)\s*")\./([\w-]+\.js)(")""")
_CSS_URL = re.compile(r"""(url\(")\.\./fonts/([\w.-]+)("\))""")


@dataclass(frozen=True, slots=True)
class Assets:
    """`urls`: source name → absolute path to use in a page; `files`: path below the web root → content."""

    urls: Mapping[str, str]
    files: Mapping[str, bytes]


def fingerprint(content: bytes) -> str:
    """A short name for exactly this content."""
    return sha256(content).hexdigest()[:12]


class _Builder:
    """Adds sources in dependency order."""

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self._open: list[str] = []

    def add(self, name: str, content: bytes) -> str:
        """Store `content` under the hashed form of `name`; its URL."""
        path = PurePosixPath(name)
        hashed = f"{STATIC}/{path.stem}.{fingerprint(content)}{path.suffix}"
        self.files[hashed] = content
        self.urls[name] = f"/{hashed}"
        return self.urls[name]

    def module(self, name: str) -> str:
        """Add an ES module after everything it imports; its URL."""
        if name in self.urls:
            return self.urls[name]
        if name in self._open:
            raise ValueError(f"modules import each other in a circle: {' -> '.join([*self._open, name])}")
        self._open.append(name)
        text = _rewrite((_SOURCE / "js" / name).read_text("utf-8"), _IMPORT, self.module)
        self._open.pop()
        return self.add(name, text.encode())


def _rewrite(text: str, pattern: re.Pattern[str], resolve: Callable[[str], str]) -> str:
    return pattern.sub(lambda match: f"{match[1]}{resolve(match[2])}{match[3]}", text)


@cache
def load() -> Assets:
    """All static files of the portal. The style sheets become one, in the order of their names."""
    build = _Builder()
    for font in sorted((_SOURCE / "fonts").glob("*.woff2")):
        build.add(font.name, font.read_bytes())
    # The fonts' licence asks to travel with them, under a name that people find.
    build.files[f"{STATIC}/fonts-LICENSE.txt"] = (_SOURCE / "fonts" / "LICENSE.txt").read_bytes()
    # Programs behind the portal have pages without an icon; browsers then ask for this one.
    build.files["favicon.ico"] = (_SOURCE / "favicon.ico").read_bytes()
    css = "\n".join(sheet.read_text("utf-8") for sheet in sorted((_SOURCE / "css").glob("*.css")))
    build.add("portal.css", _rewrite(css, _CSS_URL, build.urls.__getitem__).encode())
    for image in sorted(_SOURCE.glob("*.svg")):
        build.add(image.name, image.read_bytes())
    for module in sorted((_SOURCE / "js").glob("*.js")):
        build.module(module.name)
    return Assets(urls=MappingProxyType(build.urls), files=MappingProxyType(build.files))
