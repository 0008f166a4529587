"""Debian's indexes: InRelease (or Release with Release.gpg), and the Packages files that it vouches for."""

from __future__ import annotations

import datetime as dt
import email.utils
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.repo.metadata.fetch import COMPRESSIONS, Listed, first_that_works
from staddle.repo.model import PackageRecord, RepoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from staddle.repo.metadata.fetch import Session
    from staddle.repo.model import Target, Upstream

_FIRST = b"Package:"
_NAME = re.compile(rb"^Package: ?(\S+)", re.MULTILINE)
_PROVIDES = re.compile(rb"^Provides: ?(.*(?:\n[ \t].*)*)", re.MULTILINE)
_FIELD = re.compile(r"^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_LISTED = re.compile(r"([0-9a-f]{64})[ \t]+(\d+)[ \t]+(\S+)")
_FUTURE = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Release:
    """A Release file: its fields, and the files it vouches for."""

    fields: Mapping[str, str]
    files: Mapping[str, Listed]

    @classmethod
    def parse(cls, text: str) -> Release:
        fields = dict(_FIELD.findall(text))
        files = {m[3]: Listed(m[3], int(m[2]), m[1]) for m in _LISTED.finditer(fields.get("SHA256", ""))}
        return cls(fields, files)

    @property
    def by_hash(self) -> bool:
        return self.fields.get("Acquire-By-Hash", "").lower() == "yes"

    @property
    def automatic(self) -> bool:
        """Whether its packages are taken without being asked for (backports are not)."""
        return self.fields.get("NotAutomatic", "").lower() != "yes"


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages of one upstream. A distribution has tens of thousands: their stanzas are looked at when they're needed."""

    upstream: Upstream
    base: str
    automatic: bool
    stanzas: Sequence[bytes] = field(repr=False)
    places: Mapping[str, list[int]] = field(repr=False)
    provided: Mapping[str, list[int]] = field(repr=False)

    @classmethod
    def of(cls, upstream: Upstream, base: str, content: bytes, *, automatic: bool = True) -> Packages:
        """Index the text of Packages files by what the packages are called, and what they provide."""
        places: dict[str, list[int]] = {}
        provided: dict[str, list[int]] = {}
        stanzas = content.strip(b"\n").split(b"\n\n")
        for number, stanza in enumerate(stanzas):
            if stanza.startswith(_FIRST):  # as in all but a few archives
                name = stanza[len(_FIRST) : stanza.find(b"\n")].strip()
            elif match := _NAME.search(stanza):
                name = match[1]
            else:
                continue
            places.setdefault(name.decode(), []).append(number)
            if b"\nProvides:" in stanza and (match := _PROVIDES.search(stanza)):
                for item in match[1].decode().split(","):
                    provided.setdefault(re.split(r"[\s(:]", item.strip(), maxsplit=1)[0], []).append(number)
        return cls(upstream, base, automatic, stanzas, places, provided)

    def named(self, name: str) -> Iterator[Stanza]:
        """All versions of a package."""
        return map(self.stanza, self.places.get(name, ()))

    def providing(self, name: str) -> Iterator[Stanza]:
        """The packages that say they provide `name`."""
        return map(self.stanza, self.provided.get(name, ()))

    def stanza(self, number: int) -> Stanza:
        text = self.stanzas[number].decode(errors="replace").strip("\n")
        return Stanza(self, number, text, dict(_FIELD.findall(text)))


@dataclass(frozen=True, slots=True, eq=False)
class Stanza:
    """One package, as its index describes it. `number` is its place there."""

    packages: Packages = field(repr=False)
    number: int
    text: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        return self.fields["Package"]

    @property
    def version(self) -> str:
        return self.fields.get("Version", "0")

    def record(self) -> PackageRecord:
        """Raises RepoError if the index lacks what a download needs."""
        fields = self.fields
        sha256, size, path = fields.get("SHA256", ""), fields.get("Size", ""), fields.get("Filename", "")
        if not (re.fullmatch(r"[0-9a-f]{64}", sha256) and size.isdigit() and path):
            raise RepoError(f"{self.packages.upstream.name}: its index has no SHA256, Size or Filename for {self.name}")
        path = path.removeprefix("./")
        origin = self.packages.upstream.name
        return PackageRecord(self.name, self.version, fields.get("Architecture", "all"), int(size), sha256, path, origin,
                             self.text)  # fmt: skip


def fetch(session: Session, upstream: Upstream, target: Target, now: dt.datetime) -> Packages:
    """The packages of an upstream, from the first of its mirrors that works. Raises RepoError."""
    return first_that_works(upstream, lambda base: _fetch(session, upstream, base, target, now))


def _fetch(session: Session, upstream: Upstream, base: str, target: Target, now: dt.datetime) -> Packages:
    flat = upstream.suite.endswith("/")
    folder = upstream.suite.strip("/").removeprefix(".").strip("/") if flat else f"dists/{upstream.suite}"
    prefix = f"{folder}/" if folder else ""
    release = _release(session, upstream, base, prefix)
    _check_release(upstream, release, now, flat=flat)
    texts = []
    for wanted in _wanted(upstream, release, target, flat=flat):
        listed = next((release.files[f"{wanted}.{suffix}"] for suffix in COMPRESSIONS
                       if f"{wanted}.{suffix}" in release.files), release.files.get(wanted))  # fmt: skip
        if listed is None:
            continue
        directory = listed.path.rpartition("/")[0]
        by_hash = f"{directory}/by-hash/SHA256/{listed.sha256}".lstrip("/")
        places = [f"{prefix}{by_hash}"] if release.by_hash else []
        content = session.plain(upstream, base, listed, [*places, f"{prefix}{listed.path}"])
        texts.append(content.strip(b"\n"))
    if not texts:
        raise RepoError(f"{upstream.name}: {upstream.suite} has no packages for {target.package_arch} in "
                        f"{' '.join(upstream.components) or 'it'}",
                        hint=f"its components are {release.fields.get('Components', 'not named')}, "
                        f"its architectures {release.fields.get('Architectures', 'not named')}")  # fmt: skip
    return Packages.of(upstream, base, b"\n\n".join(texts) + b"\n", automatic=release.automatic)


def _wanted(upstream: Upstream, release: Release, target: Target, *, flat: bool) -> list[str]:
    """The Packages files that matter. Some archives list architecture-independent packages separately."""
    if flat:
        return ["Packages"]
    wanted = [f"{component}/binary-{target.package_arch}/Packages" for component in upstream.components]
    separate = "all" in release.fields.get("Architectures", "").split()
    if separate and release.fields.get("No-Support-for-Architecture-all") != "Packages":
        wanted += [f"{component}/binary-all/Packages" for component in upstream.components]
    return wanted


def _release(session: Session, upstream: Upstream, base: str, prefix: str) -> Release:
    """The upstream's Release, verified. Raises RepoError."""
    off = upstream.trust.verify == "off"
    verifier = None if off else session.keys.verifier(upstream)

    def clearsigned(content: bytes, _: bytes | None) -> bytes:
        if verifier is not None:
            return verifier.clearsigned(content, "InRelease")
        return content

    def detached(content: bytes, signature: bytes | None) -> bytes:
        if verifier is not None:
            if signature is None:
                raise RepoError(f"{upstream.name}: Release is not signed: there is no Release.gpg",
                                hint="`verify: off` in its definition takes it as it is")  # fmt: skip
            verifier.detached(content, signature, "Release")
        return content

    content = session.document(upstream, base, f"{prefix}InRelease", clearsigned)
    if content is None:
        signature = "" if off else f"{prefix}Release.gpg"
        content = session.document(upstream, base, f"{prefix}Release", detached, signature)
    if content is None:
        raise RepoError(f"{upstream.name}: {base}/{prefix} has neither InRelease nor Release",
                        hint=f"is {upstream.suite!r} a suite that this mirror has?")  # fmt: skip
    return Release.parse(content.decode(errors="replace"))


def _check_release(upstream: Upstream, release: Release, now: dt.datetime, *, flat: bool) -> None:
    """That it is the suite that was asked for, and neither from the past nor from the future."""
    names = {release.fields.get("Suite"), release.fields.get("Codename")}
    asked = upstream.suite.strip("/")
    if not flat and asked not in names and asked.partition("/")[0] not in names:
        found = " / ".join(sorted(name for name in names if name)) or "nameless"
        raise RepoError(f"{upstream.name}: asked for the suite {asked}, the mirror's signed index is that of {found}",
                        hint="the mirror serves something else under that name")  # fmt: skip
    if not release.files:
        raise RepoError(f"{upstream.name}: its Release lists no SHA-256 hashes")
    if not upstream.check_date:
        return
    until = _date(release.fields.get("Valid-Until"))
    if until and until < now:
        raise RepoError(f"{upstream.name}: its index has expired on {until:%Y-%m-%d %H:%M} UTC",
                        hint="the mirror is no longer updated, or somebody replays an old state")  # fmt: skip
    made = _date(release.fields.get("Date"))
    if made and made > now + _FUTURE:
        raise RepoError(f"{upstream.name}: its index is from {made:%Y-%m-%d}, which is in the future",
                        hint="is this machine's clock right?")  # fmt: skip


def _date(text: str | None) -> dt.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found and found.tzinfo is None else found
