"""From an inventory to requests: for which targets, which packages, from which upstreams. Nothing is fetched here."""

from __future__ import annotations

import json
import platform
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.compile import packages_on
from staddle.inventory.modules import member
from staddle.repo.model import CODENAMES, DEB_ARCH, RepoError, Target, known_targets
from staddle.repo.request import Request, UrlFile, url_files, wishes
from staddle.repo.solver.report import Wish
from staddle.repo.upstreams.choose import choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from staddle.inventory.fleet import Fleet, Node
    from staddle.inventory.parameters import Parameters
    from staddle.repo.upstreams.host import Host

ADDED = "repo.packages"
"""The file beside the inventory with what `staddle repo add` was told."""
DEFAULT_EXTRA = "pgsql-main"
_NODES = "what the nodes install"
_PG_VERSION = "pg_version"
_DEFAULT_PG_VERSION = "18"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an inventory wants in its repository. `added` are items of `repo.packages`, `local` files that were added."""

    fleet: Fleet
    params: Parameters
    targets_of: Mapping[str, Target]
    added: tuple[str, ...]
    local: tuple[UrlFile, ...]

    @property
    def targets(self) -> list[Target]:
        """Those of `repo_targets`; else those of the nodes that were seen; else this machine's. Raises RepoError."""
        if self.params.repo_targets:
            return sorted({Target.parse(text) for text in self.params.repo_targets})
        if self.targets_of:
            return sorted(set(self.targets_of.values()))
        own = this_machine()
        if own is None:
            raise RepoError("no node was seen yet, and there are no packages for this machine's own system",
                            hint="name releases in `repo_targets`, as in debian-12-x86_64")  # fmt: skip
        return [own]

    def request(self, target: Target, host: Host) -> Request:
        """What a target's repository is to consist of. Raises RepoError with all that can't be understood."""
        params, versions = self.params, self._pg_versions()
        chosen = choose(target, params.repo_modules, params.repo_upstream, region=params.region,
                        pg_version=versions[0], host=host)  # fmt: skip
        lists: dict[str, Sequence[str]] = {}
        if params.repo_packages is not None:
            lists["repo_packages"] = params.repo_packages
        if params.repo_extra_packages is not None:
            lists["repo_extra_packages"] = params.repo_extra_packages
        elif any(member(node, "pgsql") for node in self.fleet.nodes):
            lists["repo_extra_packages (default)"] = [DEFAULT_EXTRA]
        lists[ADDED] = self.added
        found, wrong = wishes(target, lists, versions)
        if wrong:
            raise RepoError("; ".join(wrong), hint="names, aliases, or name=version")
        if params.repo_packages is None:
            asked = {wish.name for wish in found}
            found += [wish for wish in self._installed(target) if wish.name not in asked]
        local = [file for file in self.local if file.name.endswith(".deb" if target.format == "deb" else ".rpm")]
        files = url_files(target, params.repo_url_packages, versions[0]) + local
        return Request(target, tuple(found), tuple(files), chosen.upstreams, chosen.warnings, chosen.optional)

    def _installed(self, target: Target) -> list[Wish]:
        """The packages that the target's nodes install; of nodes that nobody has seen yet, those of all."""
        nodes = [node for node in self.fleet.nodes if self.targets_of.get(node.ip, target) == target]
        found: dict[str, Wish] = {}
        for node in nodes:
            for package in packages_on(node):
                op, version = (">=", package.minimum) if package.minimum != "0" else ("", "")
                known = found.get(package.name)
                optional = package.optional and (known is None or known.optional)
                found[package.name] = Wish(package.name, op, version, f"{_NODES} ({node.ip})", optional)
        return [found[name] for name in sorted(found)]

    def _pg_versions(self) -> list[str]:
        """The versions of PostgreSQL in the fleet, newest first."""
        given = {str(node.extra[_PG_VERSION]) for node in self.fleet.nodes if _PG_VERSION in node.extra}
        return sorted(given, key=lambda text: (len(text), text), reverse=True) or [_DEFAULT_PG_VERSION]


def wanted(fleet: Fleet, inventory: Path, admin: Path, local: Sequence[UrlFile]) -> Wanted:
    """What an inventory wants. The parameters are those of the first INFRA node that has a repository. Raises RepoError."""
    owners: list[Node] = [node for node in fleet.infra if node.params.repo_enabled]
    if not owners:
        raise RepoError(
            "no INFRA node of this inventory has a repository", hint="`repo_enabled` is off, or there is none"
        )
    seen = {node.ip: target for node in fleet.nodes if (target := _seen(admin / "facts" / f"{node.ip}.json"))}
    return Wanted(fleet, owners[0].params, seen, tuple(read_added(inventory)), tuple(local))


def read_added(inventory: Path) -> list[str]:
    """The items of `repo.packages`, one a line."""
    try:
        text = inventory.with_name(ADDED).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RepoError(f"can't read {inventory.with_name(ADDED)}: {error.strerror}") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def this_machine() -> Target | None:
    """The target that this machine itself is."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    return target_of(release.get("ID", ""), release.get("VERSION_ID", ""), platform.machine())


def target_of(os_id: str, version_id: str, arch: str) -> Target | None:
    """The target of a host by its own words: `debian`, `12`, `amd64`. None if it isn't one that is known."""
    family = "el" if os_id in {"rocky", "almalinux", "rhel", "ol", "centos"} else os_id
    release = version_id.partition(".")[0] if family == "el" else version_id
    machine = next((name for name, deb in DEB_ARCH.items() if deb == arch), arch)
    return next((target for target in known_targets()
                 if (target.family, target.release, target.arch) == (family, release, machine)), None)  # fmt: skip


def _seen(facts: Path) -> Target | None:
    """The target of a node, from its facts as last seen. A testing release has no number, but a name."""
    try:
        data = json.loads(facts.read_text(encoding="utf-8"))
        version = str(data["version_id"])
        named = next((release for release, name in CODENAMES.items() if name == data["codename"]), version)
        return target_of(str(data["os_id"]), version if re.match(r"\d", version) else named, str(data["arch"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
