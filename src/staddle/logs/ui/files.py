"""A page's files under names that carry a hash of their content, so that browsers may keep them for ever.

A page has sources of its own, and shares those of other pages: what comes first in its `folders` counts.

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
    from collections.abc import Callable, Mapping, Sequence

FOLDER = "static"
"""Where the hashed files lie, next to the page."""

OWN = Path(__file__).parent / "static"
_PORTAL = Path(__file__).parents[2] / "components" / "portal" / "static"
_PORTAL_CSS = ("10-tokens.css", "20-base.css", "30-parts.css", "50-tools.css")

_IMPORT = re.compile(r"""((?:from|import)\s*")\./([\w-]+\.js)(")""")
_CSS_URL = re.compile(r"""(url\(")\.\./fonts/([\w.-]+)("\))""")
_PAGE_URL = re.compile(r"""(["'])static/([\w.-]+)()(?=[#"'])""")


class _Builder:
    """Adds files in the order of what refers to what."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = (*folders, _PORTAL)
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
        source = next(path for folder in self._folders if (path := folder / "js" / name).exists())
        text = _rewrite(source.read_text("utf-8"), _IMPORT, lambda n: f"./{self.module(n)}")
        self._open.pop()
        return self.add(name, text.encode())


def _rewrite(text: str, pattern: re.Pattern[str], resolve: Callable[[str], str]) -> str:
    return pattern.sub(lambda match: f"{match[1]}{resolve(match[2])}{match[3]}", text)


def _sprite(folders: Sequence[Path]) -> bytes:
    """The portal's icons and those that only the page has, as one file."""
    shared = (_PORTAL / "icons.svg").read_text("utf-8")
    found = [(folder / "icons.svg").read_text("utf-8") for folder in folders if (folder / "icons.svg").exists()]
    symbols = "".join(symbol for own in found for symbol in re.findall(r"<symbol.*?</symbol>", own, re.DOTALL))
    return shared.replace("</defs>", f"{symbols}</defs>").encode()


def page_files(folders: Sequence[Path], name: str) -> Mapping[str, bytes]:
    """Every file of a page: path below it → content. The page itself is `index.html` of the first folder.

    `name` is that of its style sheet and of its first module.
    """
    build = _Builder(folders)
    for font in sorted((_PORTAL / "fonts").glob("*.woff2")):
        build.add(font.name, font.read_bytes())
    # The fonts' licence asks to travel with them, under a name that people find.
    build.files[f"{FOLDER}/fonts-LICENSE.txt"] = (_PORTAL / "fonts" / "LICENSE.txt").read_bytes()
    sheets = [_PORTAL / "css" / sheet for sheet in _PORTAL_CSS]
    sheets += sorted((sheet for folder in folders for sheet in (folder / "css").glob("*.css")), key=lambda p: p.name)
    css = "\n".join(sheet.read_text("utf-8") for sheet in sheets)
    build.add(f"{name}.css", _rewrite(css, _CSS_URL, build.names.__getitem__).encode())
    build.add("icons.svg", _sprite(folders))
    build.add("icon.svg", (_PORTAL / "icon.svg").read_bytes())
    build.module("theme.js")
    build.module(f"{name}.js")
    page = (folders[0] / "index.html").read_text("utf-8")
    build.files["index.html"] = _PAGE_URL.sub(lambda m: f"{m[1]}{FOLDER}/{build.names[m[2]]}", page).encode()
    build.files["config.json"] = b'{"license":{"type":"opensource"}}'
    return MappingProxyType(build.files)


@cache
def load() -> Mapping[str, bytes]:
    """The files of the log page."""
    return page_files((OWN,), "logs")
