"""The Python packages that Staddle itself needs, as a simple index that pip installs from (PEP 503)."""

from __future__ import annotations

import re
import zipfile
from email.parser import HeaderParser
from html import escape
from typing import TYPE_CHECKING

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.repo.index_cache import Entry

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="pypi:repository-version" content="1.0"><title>{title}</title></head>
<body><h1>{title}</h1>
{links}
</body></html>
"""


def read(path: str, descriptor: int) -> dict[str, str]:
    """What the index says of a wheel: `name`, `version`, `license`, and `python`, which it requires. Raises RepoError."""
    del descriptor
    try:
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            metadata = HeaderParser().parsestr(wheel.read(names[0]).decode())
        found = {"name": metadata["Name"], "version": metadata["Version"]}
    except (OSError, zipfile.BadZipFile, IndexError, UnicodeDecodeError) as error:
        raise RepoError(f"{path} is not a wheel: {error}") from error
    if not all(found.values()):
        raise RepoError(f"{path} is not a wheel: it has no name or no version")
    licence = metadata["License-Expression"] or (metadata["License"] or "").partition("\n")[0]
    return {**found, "license": licence[:80], "python": metadata["Requires-Python"] or ""}


def project(name: str) -> str:
    """A project's name as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def simple_index(wheels: Mapping[str, Entry]) -> dict[str, bytes]:
    """The pages below `simple/` for wheels that lie in `wheels/`, by path; none if there are no wheels."""
    projects: dict[str, list[str]] = {}
    for file, entry in sorted(wheels.items()):
        projects.setdefault(project(entry.data["name"]), []).append(file)
    if not projects:
        return {}
    pages = {"simple/index.html": _page("Simple index", [f'<a href="{name}/">{name}</a>' for name in sorted(projects)])}
    for name, files in projects.items():
        pages[f"simple/{name}/index.html"] = _page(name, [_link(file, wheels[file]) for file in files])
    return pages


def _link(file: str, entry: Entry) -> str:
    python = entry.data["python"]
    needs = f' data-requires-python="{escape(python)}"' if python else ""
    return f'<a href="../../wheels/{escape(file)}#sha256={entry.sha256}"{needs}>{escape(file)}</a>'


def _page(title: str, links: list[str]) -> bytes:
    return _PAGE.format(title=title, links="<br>\n".join(links)).encode()
