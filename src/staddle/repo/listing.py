"""The page that says what a repository has and how to use it, in the portal's design.

It brings its own style sheet and fonts: the same page opens from a bundle or a disk. Nothing in it needs more than
`Content-Security-Policy: default-src 'self'`.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from staddle.repo.index_cache import Entry
    from staddle.repo.model import LockedPackage, Target

VERSION = "1"
"""To be changed when the page looks different from the same packages."""
_STYLES = ("10-tokens.css", "20-base.css", "30-parts.css", "60-article.css")
_FONTS = ("plex-sans.woff2", "plex-mono-400.woff2", "plex-mono-600.woff2")
_APT = """\
curl -fsSo /etc/apt/keyrings/{name}.asc URL/repo.asc
cat >/etc/apt/sources.list.d/{name}.sources <<END
Types: deb
URIs: URL
Suites: {codename}
Components: main
Signed-By: /etc/apt/keyrings/{name}.asc
END"""
_DNF = """\
cat >/etc/yum.repos.d/{name}.repo <<END
[{name}]
name={name}
baseurl=URL/rpm/{codename}/{arch}/
gpgkey=URL/repo.asc
repo_gpgcheck=1
gpgcheck=0
END"""


def pages(
    name: str,
    places: Sequence[tuple[LockedPackage, Target, str]],
    wheels: Mapping[str, Entry],
    fingerprint: str,
    now: int,
) -> dict[str, bytes]:
    """The page, what it needs, and the same as data (`repo.json`), by path below the repository.

    `places` are the packages with their targets and where they lie.
    """
    css, theme, more = _assets()
    targets = sorted({target for _, target, _ in places})
    parts = [_part(name, target, [place for place in places if place[1] == target]) for target in targets]
    packages = {path: package for package, _, path in places}
    folders = {path.partition("/")[0] for path in packages}
    page = _environment().get_template("index.html.j2")
    published = datetime.fromtimestamp(now, UTC).isoformat()
    html = page.render(
        name=name,
        total=len(packages),
        size=_human(sum(package.size for package in packages.values())),
        published=published,
        fingerprint=fingerprint,
        parts=parts,
        wheels=sorted(wheels),
        folders=sorted(
            folders | ({"dists"} if "pool" in folders else set()) | ({"wheels", "simple"} if wheels else set())
        ),
        css=css,
        theme=theme,
    )
    data = {
        "name": name,
        "published": published,
        "key": fingerprint,
        "packages": [
            {"name": p.name, "version": p.version, "arch": p.arch, "origin": p.origin, "size": p.size, "sha256": p.sha256,
             "target": target.key, "path": path}
            for p, target, path in sorted(places, key=lambda place: (place[1], place[0]))
        ],
        "wheels": [{**entry.data, "file": file, "sha256": entry.sha256} for file, entry in sorted(wheels.items())],
        "pythons": sorted({f"3.{minor}" for file in wheels for minor in re.findall(r"-cp3(\d+)-cp3", file)}),
    }  # fmt: skip
    return {**more, "index.html": html.encode(), "repo.json": json.dumps(data, sort_keys=True).encode()}


def _part(name: str, target: Target, places: Sequence[tuple[LockedPackage, Target, str]]) -> dict[str, Any]:
    rows = [
        {
            "name": p.name,
            "version": p.version,
            "arch": p.arch,
            "origin": p.origin,
            "size": _human(p.size),
            "href": quote(path),
        }
        for p, _, path in sorted(places)
    ]
    usage = (_APT if target.format == "deb" else _DNF).format(name=name, codename=target.codename, arch=target.arch)
    return {
        "id": target.key.replace(".", "-"),
        "title": f"{target.family.capitalize()} {target.release} ({target.codename}), {target.package_arch}",
        "usage": usage,
        "rows": rows,
        "size": _human(sum(p.size for p, _, _ in places)),
    }


def _human(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


@cache
def _assets() -> tuple[str, str, dict[str, bytes]]:
    """The names of style sheet and script, which carry a hash of their content, and all files."""
    static = files("staddle.components.portal") / "static"
    css = b"".join((static / "css" / name).read_bytes() for name in _STYLES)
    theme = (static / "js" / "theme.js").read_bytes()
    names = {
        f"css/page.{hashlib.sha256(css).hexdigest()[:12]}.css": css,
        f"theme.{hashlib.sha256(theme).hexdigest()[:12]}.js": theme,
        **{f"fonts/{name}": (static / "fonts" / name).read_bytes() for name in _FONTS},
    }
    sheet, script, *_ = names
    return sheet.removeprefix("css/"), script, {f"_page/{path}": data for path, data in names.items()}


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: (files("staddle.repo") / "templates" / name).read_text(encoding="utf-8")
        ),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
