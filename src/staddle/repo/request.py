"""What goes into a target's repository, as the inventory asks for it: package names, aliases, versions, files by URL."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

import yaml

from staddle.repo.model import RepoError
from staddle.repo.placeholders import resolve, tokens
from staddle.repo.solver.report import Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from staddle.inventory.parameters.records import UrlPackage
    from staddle.repo.model import Format, Target, Upstream

_ITEM = re.compile(
    r"(?P<name>[A-Za-z0-9@_/*?\[\](.][^\s,<>=:]*)(?::(?P<pg>\d+))?(?:(?P<op>>=|<=|>>|<<|=)(?P<version>\S+))?"
)
_SUFFIX = {"deb": ".deb", "rpm": ".rpm"}


@dataclass(frozen=True, slots=True)
class UrlFile:
    """A package to be fetched from a URL. Without `sha256`, what is found the first time is what it is from then on.

    With `programs` there is a release archive at the URL, of which a package is made; `sha256` is then the archive's, and
    `made` the package's as the lock has it.
    """

    name: str
    url: str
    sha256: str | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    made: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a target's repository is to consist of."""

    target: Target
    wishes: tuple[Wish, ...]
    files: tuple[UrlFile, ...]
    upstreams: tuple[Upstream, ...]
    warnings: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """Of what is asked for, and of whom; the same on every machine: mirrors' URLs don't count."""
        data = {
            "target": self.target.key,
            "wishes": sorted({str(wish) for wish in self.wishes}),
            "files": sorted([file.name, file.url, file.sha256 or "", sorted(file.programs.items())] for file in self.files),
            "upstreams": [
                [upstream.name, upstream.suite, *upstream.components, upstream.priority, *upstream.exclude,
                 upstream.trust.verify]
                for upstream in self.upstreams
            ],
        }  # fmt: skip
        return hashlib.sha256(json.dumps(data).encode()).hexdigest()


@functools.cache
def aliases(form: Format) -> Mapping[str, str]:
    """Names that stand for several packages."""
    text = (resources.files("staddle.repo.upstreams") / "aliases.yml").read_text(encoding="utf-8")
    key = "el" if form == "rpm" else "deb"
    return {name: packages[key] for name, packages in yaml.safe_load(text).items()}


def wishes(
    target: Target, lists: Mapping[str, Iterable[str]], pg_versions: Sequence[str]
) -> tuple[list[Wish], list[str]]:
    """What the lists ask for, and the items that can't be understood. `lists` is keyed by what people know them by.

    An item is one or several names, or aliases. `name=1.2*` and `name>=1.2` ask for versions; `alias:17` is for that version
    of PostgreSQL, an alias alone for all of `pg_versions`.
    """
    known = aliases(target.format)
    found: dict[tuple[str, str, str], Wish] = {}
    wrong: list[str] = []
    for place, items in lists.items():
        for item in (word for text in items for word in re.split(r"[\s,]+", text) if word):
            match = _ITEM.fullmatch(item)
            if match is None or (match["pg"] and match["name"] not in known):
                wrong.append(f"{place}: {item!r} is not a package's name")
                continue
            name, op, version = match["name"], match["op"] or "", match["version"] or ""
            source = f"{place}: {name}" if name in known else place
            for real in _expanded(known.get(name, name), [match["pg"]] if match["pg"] else pg_versions):
                resolved = resolve(real, tokens(target, pg_versions[0]))
                found.setdefault((resolved, op, version), Wish(resolved, op, version, source))
    return list(found.values()), wrong


def url_files(target: Target, given: Iterable[UrlPackage], pg_version: str) -> list[UrlFile]:
    """The files for this target: those of its kind of package. Raises RepoError for a name that can't be a file's."""
    found = []
    for package in given:
        url = resolve(package.url, tokens(target, pg_version))
        name = resolve(package.name or "", tokens(target, pg_version)) or url.partition("?")[0].rpartition("/")[2]
        if package.programs and target.format == "rpm" and name.endswith(".rpm"):
            raise RepoError(f"{name}: release archives are made into Debian packages only")
        if not name.endswith(tuple(_SUFFIX.values())):
            raise RepoError(f"{url}: a package's file name ends in .deb or .rpm, not {name!r}",
                            hint="give it a `name`")  # fmt: skip
        if name.endswith(_SUFFIX[target.format]):
            found.append(UrlFile(name, url, package.sha256, package.programs))
    return found


def _expanded(names: str, versions: Sequence[str]) -> list[str]:
    if "$v" not in names:
        return names.split()
    return [name.replace("$v", version) for version in versions for name in names.split()]
