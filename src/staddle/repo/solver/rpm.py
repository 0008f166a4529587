"""RPMs before libsolv, which reads their indexes itself and knows their rules."""

from __future__ import annotations

import fnmatch
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import solv
import yaml

from staddle.repo.model import PackageRecord, RepoError, safe_path
from staddle.repo.solver.report import ResolutionError, Trouble, near_names
from staddle.repo.solver.solve import Universe, solve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from staddle.repo.metadata.rpm import Repodata
    from staddle.repo.model import Target
    from staddle.repo.solver.report import Wish

    Load = Callable[[Repodata, str], bytes | None]

_DEFAULT_PRIORITY = 99
_RELATIONS = {"=": solv.REL_EQ, ">=": solv.REL_GT | solv.REL_EQ, "<=": solv.REL_LT | solv.REL_EQ, ">>": solv.REL_GT,
              "<<": solv.REL_LT}  # fmt: skip


def resolve(
    target: Target, sources: Sequence[Repodata], wishes: Sequence[Wish], keep: Mapping[str, str], load: Load
) -> list[PackageRecord]:
    """The packages that grant the wishes, with all they need. Raises ResolutionError with all troubles.

    `keep` are versions that stay as they are, as long as that is possible. `load` gets a further index: the lists of all
    files are large, and only looked at when a package needs a file that isn't in the usual directories.
    """
    tries = [(keep, False), (keep, True)] if keep else []
    for kept, files in [*tries, ({}, False)]:
        try:
            return solve(RpmUniverse(target, sources, load, kept, files=files), wishes)
        except ResolutionError as error:
            if not (kept or _lacks_file(error)):
                raise
    return solve(RpmUniverse(target, sources, load, {}, files=True), wishes)


def _lacks_file(error: ResolutionError) -> bool:
    return any(" needs /" in line for trouble in error.troubles for line in trouble.details)


class RpmUniverse(Universe):
    """All packages of some upstreams, less those that are for other machines or in modules that aren't on by default."""

    def __init__(
        self, target: Target, sources: Sequence[Repodata], load: Load, keep: Mapping[str, str], *, files: bool
    ) -> None:
        self.target = target
        self.pool = solv.Pool()
        self.pool.setarch(target.arch)
        self._origins: dict[int, Repodata] = {}
        hidden: list[int] = []
        for source in sources:
            repo = self.pool.add_repo(source.upstream.name)
            repo.priority = source.upstream.priority
            if not _add(repo, source.primary, 0):
                raise RepoError(f"{source.upstream.name}: its index can't be read: {self.pool.errstr}")
            listing = load(source, "filelists") if files else None
            if listing is not None:
                _add(repo, listing, solv.Repo.REPO_EXTEND_SOLVABLES)
            self._origins[repo.id] = source
            inactive = _inactive_modules(load(source, "modules"))
            hidden += [one.id for one in repo.solvables if self._hidden(one, source, inactive)]
        there = {(one.name, one.evr) for one in self.pool.solvables}
        kept = {name: version for name, version in keep.items() if (name, version) in there}
        hidden += [one.id for one in self.pool.solvables if kept.get(one.name, one.evr) != one.evr]
        self._hide(set(hidden))
        self.pool.addfileprovides()
        self.pool.createwhatprovides()

    def find(self, wish: Wish) -> list[list[int]] | Trouble:
        names = sorted(fnmatch.filter(self._names, wish.name)) if re.search(r"[*?\[]", wish.name) else [wish.name]
        choices = []
        for name in names:
            dep = self.pool.Dep(name)
            found = [one.id for one in self.pool.whatprovides(self._with_version(dep, wish)) if one.name == name]
            # What is provided under that name will do, as dnf has it.
            found = found or [one.id for one in self.pool.whatprovides(self._with_version(dep, wish))]
            if not found and wish.op and (known := sorted(one.evr for one in self.pool.whatprovides(dep))):
                return Trouble("version", str(wish), f"is there as {', '.join(known[-5:])}", wish.source)
            if found:
                choices.append(found)
        if not choices:
            return Trouble("unknown", wish.name, "is in no upstream", wish.source, near_names(wish.name, self._names))
        return choices

    def preferred(self) -> list[int]:
        return []

    def record(self, solvable: int) -> PackageRecord:
        one = self.pool.id2solvable(solvable)
        origin = self._origins[one.repo.id].upstream.name
        checksum = one.lookup_checksum(solv.SOLVABLE_CHECKSUM)
        path, _ = one.lookup_location()
        if checksum is None or checksum.typestr() != "sha256" or not path or not safe_path(path):
            raise RepoError(f"{origin}: its index has no SHA-256 or no usable path for {one.name}")
        size = one.lookup_num(solv.SOLVABLE_DOWNLOADSIZE)
        return PackageRecord(one.name, one.evr, one.arch, size, checksum.hex(), path, origin)

    def name(self, solvable: int) -> str:
        one = self.pool.id2solvable(solvable)
        return f"{one.name} {one.evr}"

    def dependency(self, dependency: int) -> str:
        return str(self.pool.dep2str(dependency))

    def near(self, dependency: int) -> tuple[str, ...]:
        name = self.dependency(dependency).split(" ")[0]
        return tuple(f"{one.name} {one.evr}" for one in list(self.pool.whatprovides(self.pool.Dep(name)))[:3])

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.pool.solvables)

    def _with_version(self, dep: solv.Dep, wish: Wish) -> solv.Dep:
        return dep.Rel(_RELATIONS[wish.op], self.pool.Dep(wish.version)) if wish.op else dep

    def _hidden(self, one: solv.XSolvable, source: Repodata, inactive: frozenset[str]) -> bool:
        """Whether a package doesn't count: for other machines, excluded, or in a module that isn't on by default."""
        if one.arch not in {self.target.arch, "noarch"}:
            return True
        if any(fnmatch.fnmatchcase(one.name, pattern) for pattern in source.upstream.exclude):
            return True
        epoch = "" if ":" in one.evr else "0:"
        return bool(inactive) and f"{one.name}-{epoch}{one.evr}.{one.arch}" in inactive

    def _hide(self, hidden: set[int]) -> None:
        if hidden:
            self.pool.set_considered_list([one.id for one in self.pool.solvables if one.id not in hidden])


def _add(repo: solv.Repo, content: bytes, flags: int) -> bool:
    """Let libsolv read an index. It wants a file."""
    descriptor = os.memfd_create("index", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        stream = solv.xfopen_fd("index.xml", descriptor)
        return bool(repo.add_rpmmd(stream, None, flags))
    finally:
        os.close(descriptor)


def _inactive_modules(content: bytes | None) -> frozenset[str]:
    """The packages (`name-epoch:version-release.arch`) of module streams that are not their module's default."""
    if not content:
        return frozenset()
    defaults: set[tuple[str, str]] = set()
    streams: list[tuple[str, str, list[str]]] = []
    for document in _documents(content):
        data = document.get("data") or {}
        if document.get("document") == "modulemd-defaults":
            defaults.add((str(data.get("module")), str(data.get("stream"))))
        elif document.get("document") == "modulemd":
            packages = (data.get("artifacts") or {}).get("rpms") or []
            streams.append((str(data.get("name")), str(data.get("stream")), packages))
    return frozenset(
        package for name, stream, packages in streams if (name, stream) not in defaults for package in packages
    )


def _documents(content: bytes) -> Iterator[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from (document for document in yaml.load_all(content, loader) if isinstance(document, dict))
    except yaml.YAMLError as error:
        raise RepoError(f"the index of modules can't be read: {error}") from error
