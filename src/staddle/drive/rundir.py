"""What a run over many hosts keeps on the ADMIN node: `files/` beside the inventory, 0700.

    pki/                the CA and all certificates with their keys
    portal-users.json   password hashes
    facts/<ip>.json     each host's facts as last seen: what it is compiled with while it can't be reached
    runs/<pid>-<n>/     facts, manifests and reports of a run that is under way; removed at its end
    lock                held while certificates are made

Ansible's workers are processes of their own, so files are how the steps of a run hand things on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.errors import FleetError
from staddle.pki.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = "files"


def admin_directory(inventory: Path) -> Path:
    """`files/` beside the inventory, made if it's missing. Raises FleetError."""
    directory = inventory.absolute().parent / FILES
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        for name in ("facts", "runs"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FleetError(f"can't keep the ADMIN node's files in {directory}: {error.strerror}") from error
    if directory.stat().st_mode & 0o022:
        raise FleetError(
            f"{directory} can be written by others, and the CA's key is in it", hint=f"chmod 700 {directory}"
        )
    return directory


@contextlib.contextmanager
def locked(admin: Path) -> Iterator[None]:
    """Alone among all runs with these files. The kernel lets go of the lock when its holder dies."""
    with os.fdopen(os.open(admin / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The files of one run: `<what>.<host>.json`, 0600. Hosts are named by their inventory key."""

    path: Path

    @classmethod
    def create(cls, admin: Path, owner: int) -> RunDirectory:
        """A new one, for as long as the process `owner` lives. Those whose owners don't live any more are removed."""
        runs = admin / "runs"
        for old in map(cls, runs.iterdir()):
            if not old.is_owned:
                old.remove()
        return cls(Path(tempfile.mkdtemp(prefix=f"{owner}-", dir=runs)))

    @property
    def is_owned(self) -> bool:
        """Whether the process that it was made for still lives."""
        pid = self.path.name.partition("-")[0]
        return not pid.isdigit() or Path("/proc", pid).exists()

    def write(self, what: str, host: str, content: bytes) -> None:
        """Atomically: readers are other processes."""
        write_file(self._file(what, host), content, 0o600)

    def read(self, what: str, host: str) -> bytes | None:
        """None if there is none."""
        try:
            return self._file(what, host).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, what: str, host: str, data: Any) -> None:
        """`write`, as JSON."""
        self.write(what, host, json.dumps(data, ensure_ascii=False).encode())

    def get(self, what: str, host: str) -> Any:
        """`read`, from JSON."""
        content = self.read(what, host)
        return None if content is None else json.loads(content)

    def hosts(self, what: str) -> list[str]:
        """Those that have one."""
        return sorted(file.name[len(what) + 1 : -5] for file in self.path.glob(f"{what}.*.json"))

    def remove(self) -> None:
        """With all that is in it. Fine if it's gone."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, what: str, host: str) -> Path:
        # The key of a host is an address: it can't lead anywhere else.
        return self.path / f"{what}.{host}.json"
