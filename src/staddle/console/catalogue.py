"""Which dashboards there are: those that come with Staddle, and JSON files of the user's own in a directory.

A file of the user's wins over a dashboard of ours with the same uid. A file that can't be used is not silently left out: the
list says why.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

OWN = "own"
SHIPPED = "shipped"
LARGEST = 8 << 20
"""A dashboard of more bytes is none."""
_UNFIT = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Stored:
    """One dashboard: its JSON as it is stored, whatever its schema, and where it stands among the others."""

    uid: str
    title: str
    folder: str
    source: str
    tags: tuple[str, ...]
    body: Mapping[str, Any] = field(repr=False)


class Catalogue:
    """All dashboards by uid. Files are looked at again when their size or time changed."""

    def __init__(self, shipped: Iterable[tuple[str, Mapping[str, Any]]], folders: Iterable[Path]) -> None:
        """`shipped` are (folder, JSON) of those that come with Staddle."""
        self._shipped = {
            stored.uid: stored for where, body in shipped for stored in (_stored(body, where, SHIPPED, where),)
        }
        self._folders = tuple(folders)
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[tuple[int, int], Stored | str]] = {}

    def all(self) -> tuple[dict[str, Stored], list[str]]:
        """Every dashboard by uid, and what is wrong with files that are none."""
        found, problems = dict(self._shipped), []
        own: dict[str, Path] = {}
        for path, result in self._files():
            if isinstance(result, str):
                problems.append(f"{path}: {result}")
            elif result.uid in own:
                problems.append(f"{path}: has the uid {result.uid!r}, as {own[result.uid]} has")
            else:
                own[result.uid] = path
                found[result.uid] = result
        return found, problems

    def get(self, uid: str) -> Stored | None:
        """One dashboard."""
        return self.all()[0].get(uid)

    def _files(self) -> Iterator[tuple[Path, Stored | str]]:
        with self._lock:
            here: dict[Path, tuple[tuple[int, int], Stored | str]] = {}
            for root in self._folders:
                for path in sorted(root.rglob("*.json")):
                    try:
                        status = path.stat()
                    except OSError:
                        continue  # gone since
                    mark = (status.st_size, status.st_mtime_ns)
                    known = self._seen.get(path)
                    here[path] = known if known and known[0] == mark else (mark, _read(path, root, status.st_size))
            self._seen = here
            return iter([(path, result) for path, (_, result) in here.items()])


def _read(path: Path, root: Path, size: int) -> Stored | str:
    """A file's dashboard, or why it has none."""
    if size > LARGEST:
        return f"is larger than {LARGEST >> 20} MiB"
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return f"can't be read: {error}"
    if not isinstance(body, dict):
        return "is not a JSON object"
    inner = body.get("dashboard")
    if isinstance(inner, dict) and "panels" not in body:
        body = inner  # as Grafana's API exports it
    if not any(key in body for key in ("panels", "rows", "elements", "spec")):
        return "is not a dashboard: it has no panels"
    folder = str(path.parent.relative_to(root))
    return _stored(body, "" if folder == "." else folder, OWN, path.stem)


def _stored(body: Mapping[str, Any], folder: str, source: str, name: str) -> Stored:
    """Schema v2 has its title below `spec` and its name in `metadata`."""
    spec, metadata = body.get("spec"), body.get("metadata")
    head = spec if isinstance(spec, dict) else body
    named = metadata.get("name") if isinstance(metadata, dict) else None
    uid = body.get("uid") or named or _UNFIT.sub("-", name)
    tags = head.get("tags") or ()
    return Stored(str(uid), str(head.get("title") or uid), folder, source, tuple(str(tag) for tag in tags), body)
