"""Which upstreams a target's repository is built from: the inventory's definitions, or the shipped ones."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING

import yaml

from staddle.inventory.parameters import RepoUpstream
from staddle.repo.model import RepoError, Trust, Upstream
from staddle.repo.placeholders import resolve, tokens
from staddle.repo.upstreams.host import NAME as HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.repo.model import Target, Verify
    from staddle.repo.upstreams.host import Host

LOCAL = "local"
"""The module of the repository that is being built."""
_PUBLIC = "public"
_DEFAULT_PRIORITY = 99
_OFF = {"0", "no", "false", "off"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The upstreams of a target, and what is questionable about them. The `optional` ones may be out of reach."""

    upstreams: tuple[Upstream, ...]
    warnings: tuple[str, ...]
    optional: frozenset[str]


@functools.cache
def shipped() -> tuple[RepoUpstream, ...]:
    """All definitions that come with Staddle."""
    folder = resources.files("staddle.repo.upstreams")
    files = ("distributions.yml", "vendors.yml")
    entries = [entry for file in files for entry in yaml.safe_load((folder / file).read_text(encoding="utf-8"))]
    return tuple(RepoUpstream.model_validate(entry) for entry in entries)


def choose(
    target: Target,
    modules: Sequence[str],
    given: Sequence[RepoUpstream] | None,
    *,
    region: str,
    pg_version: str,
    host: Host,
) -> Chosen:
    """The upstreams of the modules that serve the target. Raises RepoError with all that is wrong with them.

    `given` are the inventory's definitions, in place of the shipped ones. A definition without keys gets those that are known
    for a shipped one of the same name: they can but narrow down who may have signed.
    """
    entries = [entry for entry in (shipped() if given is None else given) if _applies(entry, target, modules)]
    values = tokens(target, pg_version)
    found: dict[str, Upstream] = {}
    problems: list[RepoError] = []
    warnings: list[str] = []
    for entry in entries:
        try:
            for upstream in _upstreams(entry, target, region, values, host):
                same = any(_source(upstream) == _source(other) for other in found.values())
                if not same:
                    name = upstream.name if upstream.name not in found else f"{upstream.name}-{len(found)}"
                    found[name] = replace(upstream, name=name)
        except RepoError as error:
            problems.append(error)
        if entry.meta.get("gpgcheck") == "0" and entry.verify != "off":
            warnings.append(
                f"{entry.name}: `gpgcheck` has no effect, signatures are checked; `verify: off` would end that"
            )
    warnings += [f"{upstream.name}: its signatures are NOT checked (`verify: off`)"
                 for upstream in found.values() if upstream.trust.verify == "off"]  # fmt: skip
    if problems:
        hints = "; ".join(dict.fromkeys(error.hint for error in problems if error.hint))
        raise RepoError("; ".join(error.message for error in problems), hint=hints or None)
    if not found:
        known = sorted({entry.module for entry in (shipped() if given is None else given)} - {LOCAL})
        raise RepoError(f"no upstream serves {target.key} in the modules {', '.join(modules)}",
                        hint=f"`repo_modules` may name {', '.join(known)}")  # fmt: skip
    optional = frozenset(entry.name for entry in entries if entry.meta.get("skip_if_unavailable", "0") not in _OFF)
    return Chosen(tuple(found.values()), tuple(dict.fromkeys(warnings)), optional)


def _applies(entry: RepoUpstream, target: Target, modules: Sequence[str]) -> bool:
    enabled = entry.meta.get("enabled", "1").lower() not in _OFF
    release = not entry.releases or target.major in entry.releases
    arch = not entry.arch or target.arch in entry.arch
    return enabled and release and arch and entry.module in modules and entry.module != LOCAL


def _source(upstream: Upstream) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    return upstream.urls, upstream.suite, upstream.components


def _upstreams(entry: RepoUpstream, target: Target, region: str, values: dict[str, str], host: Host) -> list[Upstream]:
    text = entry.baseurl.get(region) or entry.baseurl["default"]
    words = resolve(text, values).split()
    if words[0] == HOST:
        served = [upstream for upstream in host.upstreams(target, entry.module)
                  if len(words) == 1 or upstream.suite == words[1]]  # fmt: skip
        if served:
            return served
        public = entry.baseurl.get(_PUBLIC)
        if public is None:
            raise RepoError(f"{entry.name}: this machine's apt has no sources of {target.family} {target.release}",
                            hint="name upstreams of your own in `repo_upstream`")  # fmt: skip
        words = resolve(public, values).split()
    trust = _trust(entry, target, values)
    urls, suite, components = tuple(words), "", tuple[str, ...]()
    if target.format == "rpm":
        pass  # all words are mirrors
    elif len(words) < 2 or words[1].startswith(("http://", "https://")):
        raise RepoError(f"{entry.name}: {text!r} is no source of Debian packages",
                        hint="a URL, a suite and components, as in 'https://example.org/debian bookworm main'; "
                        "or a URL and ./")  # fmt: skip
    else:
        urls, suite, components = (words[0],), words[1], tuple(words[2:])
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise RepoError(f"{entry.name}: {url!r} is not an http or https URL")
    priority = entry.meta.get("priority", str(_DEFAULT_PRIORITY))
    exclude = (entry.meta.get("excludepkgs") or entry.meta.get("exclude") or "").replace(",", " ").split()
    return [Upstream(
        entry.name, entry.module, target.format, tuple(url.rstrip("/") for url in urls), suite, components, trust,
        priority=_DEFAULT_PRIORITY - int(priority) if priority.isdigit() else 0, exclude=tuple(exclude),
    )]  # fmt: skip


def _trust(entry: RepoUpstream, target: Target, values: dict[str, str]) -> Trust:
    """What the definition says; for what it doesn't say, what is known of the shipped one with its name."""
    known = next((other for other in shipped() if other.name == entry.name and _serves(other, target)), None)
    verify: Verify = entry.verify or (known.verify if known and not entry.keys else None) or "metadata"
    if verify == "off":
        return Trust("off")
    if verify == "packages" and target.format == "deb":
        raise RepoError(f"{entry.name}: `verify: packages` is for RPMs; Debian packages are vouched for by their index")
    source = entry if entry.keys or known is None else known
    if not source.keys:
        raise RepoError(f"{entry.name}: no key is known to check its signature with",
                        hint="give `keys` (fingerprints) and `key_url`; or `verify: off`, to take it as it is")  # fmt: skip
    places = entry.key_url or source.key_url
    return Trust(verify, tuple(source.keys), tuple(resolve(place, values) for place in places))


def _serves(entry: RepoUpstream, target: Target) -> bool:
    return target.major in entry.releases and target.arch in entry.arch
