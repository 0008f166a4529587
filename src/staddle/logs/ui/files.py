"""The page's files under names that carry a hash of their content, so that browsers may keep them for ever.

The look (colours, fonts, parts) and the general scripts are the portal's own sources: there is one house style, and the
page works the same behind the portal and on its own. Every reference is relative, because nobody knows the prefix that
a proxy in front puts before the page.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER = "static"
"""Where the hashed files lie, next to the page."""

_OWN = Path(__file__).parent / "static"
_PORTAL = Path(__file__).parents[2] / "components" / "portal" / "static"
_PORTAL_CSS = ("10-tokens.css", "20-base.css", "30-parts.css", "50-tools.css")

_IMPORT = re.compile(r"""((?:from|import)\s*")\./([\w-]+\.js)(")""")
_CSS_URL = re.compile(r"""(url\(")\.\./fonts/([\w.-]+)("\))""")
_PAGE_URL = re.compile(r"""(["'])static/([\w.-]+)()(?=[#"'])""")


class _Builder:
    """Adds files in the order of what refers to what."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self._open: list[str] = []

    def add(self, name: str, content: bytes) -> str:
        """Store `content` under the hashed form of `name`, which is returned."""
        path = PurePosixPath(name)
        hashed = f"{path.stem}.{sha256(content).hexdigest()[:12]}{path.suffix}"
        self.files[f"{FOLDER}/{hashed}"] = content
        self.names[name] = hashed
        return hashed

    def module(self, name: str) -> str:
        """Add an ES module, ours or the portal's, after everything it imports."""
        if name in self.names:
            return self.names[name]
        if name in self._open:
            raise ValueError(f"modules import each other in a circle: {' -> '.join([*self._open, name])}")
        self._open.append(name)
        own = _OWN / "js" / name
        source = own if own.exists() else _PORTAL / "js" / name
        text = _rewrite(source.read_text("utf-8"), _IMPORT, lambda n: f"./{self.module(n)}")
        self._open.pop()
        return self.add(name, text.encode())


def _rewrite(text: str, pattern: re.Pattern[str], resolve: Callable[[str], str]) -> str:
    return pattern.sub(lambda match: f"{match[1]}{resolve(match[2])}{match[3]}", text)


def _sprite() -> bytes:
    """The portal's icons and those that only this page has, as one file."""
    shared = (_PORTAL / "icons.svg").read_text("utf-8")
    own = (_OWN / "icons.svg").read_text("utf-8")
    symbols = "".join(re.findall(r"<symbol.*?</symbol>", own, re.DOTALL))
    return shared.replace("</defs>", f"{symbols}</defs>").encode()


@cache
def load() -> Mapping[str, bytes]:
    """Every file of the page: path below it → content. The page itself is `index.html`."""
    build = _Builder()
    for font in sorted((_PORTAL / "fonts").glob("*.woff2")):
        build.add(font.name, font.read_bytes())
    # The fonts' licence asks to travel with them, under a name that people find.
    build.files[f"{FOLDER}/fonts-LICENSE.txt"] = (_PORTAL / "fonts" / "LICENSE.txt").read_bytes()
    sheets = [_PORTAL / "css" / name for name in _PORTAL_CSS] + sorted((_OWN / "css").glob("*.css"))
    css = "\n".join(sheet.read_text("utf-8") for sheet in sheets)
    build.add("logs.css", _rewrite(css, _CSS_URL, build.names.__getitem__).encode())
    build.add("icons.svg", _sprite())
    build.add("icon.svg", (_PORTAL / "icon.svg").read_bytes())
    build.module("theme.js")
    build.module("logs.js")
    page = (_OWN / "index.html").read_text("utf-8")
    build.files["index.html"] = _PAGE_URL.sub(lambda m: f"{m[1]}{FOLDER}/{build.names[m[2]]}", page).encode()
    build.files["config.json"] = b'{"license":{"type":"opensource"}}'
    return MappingProxyType(build.files)
