"""createrepo's indexes: repomd.xml (with its signature, where the vendor makes one), and what it vouches for."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.repo.metadata.fetch import Listed, first_that_works
from staddle.repo.model import RepoError, safe_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.repo.metadata.fetch import Session
    from staddle.repo.model import Upstream

_REPO = "{http://linux.duke.edu/metadata/repo}"


@dataclass(frozen=True, slots=True)
class Repodata:
    """The indexes of one upstream. `files` are those that can be had, by kind: `primary`, `filelists`, `modules`, …"""

    upstream: Upstream
    base: str
    files: Mapping[str, Listed]
    primary: bytes = field(repr=False)

    def load(self, session: Session, kind: str) -> bytes | None:
        """Another index, plain; None if the upstream has none. Raises RepoError."""
        listed = self.files.get(kind)
        return None if listed is None else _plain(session, self.upstream, self.base, listed)


def fetch(session: Session, upstream: Upstream) -> Repodata:
    """The indexes of an upstream, from the first of its mirrors that works. Raises RepoError."""
    return first_that_works(upstream, lambda base: _fetch(session, upstream, base))


def _fetch(session: Session, upstream: Upstream, base: str) -> Repodata:
    signed = upstream.trust.verify == "metadata"
    verifier = session.keys.verifier(upstream) if signed else None

    def check(content: bytes, signature: bytes | None) -> bytes:
        if verifier is not None:
            if signature is None:
                raise RepoError(
                    f"{upstream.name}: repomd.xml is not signed: there is no repomd.xml.asc",
                    hint="`verify: packages` in its definition checks the signature of every package instead",
                )
            verifier.detached(content, signature, "repomd.xml")
        return content

    detached = "repodata/repomd.xml.asc" if signed else ""
    content = session.document(upstream, base, "repodata/repomd.xml", check, detached)
    if content is None:
        raise RepoError(f"{upstream.name}: {base} has no repodata/repomd.xml", hint="is it an RPM repository?")
    files = _parse(upstream, content)
    if "primary" not in files:
        raise RepoError(f"{upstream.name}: its repomd.xml names no primary index")
    return Repodata(upstream, base, files, _plain(session, upstream, base, files["primary"]))


def _plain(session: Session, upstream: Upstream, base: str, listed: Listed) -> bytes:
    return session.plain(upstream, base, listed, [listed.path])


def _parse(upstream: Upstream, content: bytes) -> dict[str, Listed]:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise RepoError(f"{upstream.name}: its repomd.xml has declarations that no repomd.xml needs")
    try:
        root = ET.fromstring(content)  # noqa: S314 - without declarations there is nothing to expand
    except ET.ParseError as error:
        raise RepoError(f"{upstream.name}: its repomd.xml can't be read: {error}") from error
    found = {}
    for data in root.iter(f"{_REPO}data"):
        location, checksum, size = (data.find(f"{_REPO}{name}") for name in ("location", "checksum", "size"))
        path = location.get("href", "") if location is not None else ""
        digest = (checksum.text or "").strip() if checksum is not None else ""
        if (
            checksum is None
            or checksum.get("type") not in {"sha256", "sha"}
            or not re.fullmatch("[0-9a-f]{64}", digest)
        ):
            continue
        if safe_path(path):
            length = int(size.text) if size is not None and (size.text or "").isdigit() and size.text else None
            found[data.get("type", "")] = Listed(path, length, digest)
    return found
