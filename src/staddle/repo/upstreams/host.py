"""The upstream `host`: whatever this machine's own apt is set up with, and other releases from the same mirrors."""

from __future__ import annotations

import functools
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.programs.sources import machine_sources
from staddle.repo.model import RepoError, Trust, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.programs.sources import Source
    from staddle.repo.model import Target

NAME = "host"
_SETTING = re.compile(r'^([\w:/.-]+) "(.*)";$', re.MULTILINE)
_POCKETS = ("", "-updates", "-security")
_DEFAULT_KEYRINGS = ("trusted.gpg", "trusted.gpg.d")


@dataclass(frozen=True, slots=True)
class Host:
    """What decides what `host` means: the distribution, the release's name, apt's directory, its sources and settings."""

    family: str
    codename: str
    etc: Path
    sources: tuple[Source, ...]
    settings: Mapping[str, str]

    @classmethod
    def this(cls, etc: Path = Path("/etc/apt")) -> Host:
        """The machine this runs on. Without apt it has no sources."""
        try:
            release = platform.freedesktop_os_release()
        except OSError:
            release = {}
        sources = tuple(machine_sources(etc)) if etc.is_dir() else ()
        return cls(release.get("ID", ""), release.get("VERSION_CODENAME", ""), etc, sources, _settings())

    def upstreams(self, target: Target, module: str) -> list[Upstream]:
        """Its sources for a target; none if they are another distribution's.

        Of other releases of its distribution, the release itself, its updates and its security fixes are taken from where
        the machine has its own. Names are `host-<suite>`, so that a lock means the same on another machine.
        """
        if self.family != target.family:
            return []
        found: dict[tuple[str, str], Upstream] = {}
        for source in self.sources:
            for suite in source.suites:
                wanted = self._suite(suite, target)
                if wanted is None:
                    continue
                for uri in source.uris.split():
                    upstream = self._upstream(source, uri, wanted, module)
                    known = found.get((wanted, source.components))
                    if known is not None:
                        upstream = _merged(known, upstream)
                    found[wanted, source.components] = upstream
        return _numbered(list(found.values()))

    def _suite(self, suite: str, target: Target) -> str | None:
        """The target's counterpart of a suite; None for suites that releases don't have in common."""
        if suite.endswith("/"):
            return None
        pocket = suite.removeprefix(self.codename)
        if self.codename == target.codename:
            return suite
        return f"{target.codename}{pocket}" if suite.startswith(self.codename) and pocket in _POCKETS else None

    def _upstream(self, source: Source, uri: str, suite: str, module: str) -> Upstream:
        if not uri.startswith(("http://", "https://")):
            raise RepoError(f"this machine's apt has {uri.partition(':')[0]}: sources, which only apt can read",
                            hint="give the mirror's http(s) URL in `repo_upstream`")  # fmt: skip
        scheme = uri.partition(":")[0]
        check = not any(self.settings.get(f"Acquire::{name}", "true").lower() in {"false", "no", "0"}
                        for name in ("Check-Valid-Until", "Check-Date"))  # fmt: skip
        proxy = self.settings.get(f"Acquire::{scheme}::Proxy")
        trust = Trust("metadata", (), tuple(self._keyrings(source)))
        return Upstream(f"{NAME}-{suite.replace('/', '-')}", module, "deb", (uri.rstrip("/"),), suite,
                        tuple(source.components.split()), trust, check_date=check, proxy=proxy)  # fmt: skip

    def _keyrings(self, source: Source) -> list[str]:
        if source.signed_by and source.signed_by.strip().startswith("/"):
            return re.split(r"[,\s]+", source.signed_by.strip())
        if source.signed_by:
            raise RepoError("a source of this machine's apt has its key in the definition, which can't be used here",
                            hint="put the key into a file, and its path after Signed-By")  # fmt: skip
        files = [self.etc / name for name in _DEFAULT_KEYRINGS]
        return [str(file) for place in files for file in ([place] if place.is_file() else sorted(place.glob("*")))
                if file.suffix in {".gpg", ".asc"} and file.stat().st_size]  # fmt: skip


def _merged(known: Upstream, other: Upstream) -> Upstream:
    """The same suite and components at another URI: a mirror."""
    trust = Trust("metadata", (), tuple(dict.fromkeys(known.trust.keys + other.trust.keys)))
    return Upstream(known.name, known.module, "deb", (*known.urls, *other.urls), known.suite, known.components, trust,
                    check_date=known.check_date, proxy=known.proxy)  # fmt: skip


def _numbered(upstreams: list[Upstream]) -> list[Upstream]:
    """Several sources of one suite, with different components, get names of their own."""
    seen: dict[str, int] = {}
    result = []
    for upstream in upstreams:
        seen[upstream.name] = number = seen.get(upstream.name, 0) + 1
        name = upstream.name if number == 1 else f"{upstream.name}-{number}"
        result.append(Upstream(name, upstream.module, "deb", upstream.urls, upstream.suite, upstream.components,
                               upstream.trust, check_date=upstream.check_date, proxy=upstream.proxy))  # fmt: skip
    return result


@functools.cache
def _settings() -> Mapping[str, str]:
    """The machine's apt settings: proxies, and whether old indexes are fine."""
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(_SETTING.findall(dump))
