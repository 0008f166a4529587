"""The ledger: what converge has done to this host, so that the next run, a drift check, a rollback or a removal can
be exact.

Everything lives in the manifest's `state` directory (0700, files 0600):

    ledger.json              what is ours now: paths, services, the blocks as last applied
    generations/000042.json  the same, as it was after run 42, and what that run changed (the last 10)
    blobs/<sha256>           every content written or replaced in those generations
    journal/<component>.json a transaction that has begun and not ended
    trees/<path>.json        what was unpacked from an archive, file by file
    incoming/<sha256>        what the ADMIN node sent for the next run
    lock                     held (flock) while a run is under way; contains its pid
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .facts import State, explain, read
from .files import TEMPORARY, Step, sync_directory, write_atomically

FORMAT = 1
KEEP = 10
_DIRECTORIES = ("", "blobs", "generations", "journal")


class StateError(Exception):
    """The state directory can't be used, or somebody else is using it."""


@dataclass
class Entry:
    """One path that we wrote. `created`: nothing was there before; `original`: what was there, if it was not ours.

    With `section`, only that section of the file is ours, and `sha256` is that of its content.
    """

    kind: str
    component: str
    sha256: str | None = None
    target: str | None = None
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    on_change: str = "none"
    secret: bool = False
    created: bool = True
    original: dict[str, Any] | None = None
    section: str | None = None
    initial: bool = False


@dataclass
class ServiceEntry:
    """One service: the hashes of the files that the running process was last started (or reloaded) with.

    None means: unknown, it has to be restarted (or reloaded).
    """

    component: str
    definition: str
    restart: str | None
    reload: str | None
    stop_timeout: float


@dataclass
class Ledger:
    """`ledger.json` in memory. `components` holds each block in plain form, in the order of the manifest.

    `packages` has the `components` that need each, and whether we installed it (`created`); `trees` the `components` that
    need each, by path, and its `sha256`; `accounts` the components that need each `user NAME` or `group NAME`; `commands`
    what the commands of each component have put into effect.
    """

    node: str = ""
    generation: int = 0
    paths: dict[str, Entry] = field(default_factory=dict)
    services: dict[str, ServiceEntry] = field(default_factory=dict)
    components: dict[str, Any] = field(default_factory=dict)
    committed: dict[str, str] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, list[str]] = field(default_factory=dict)
    commands: dict[str, dict[str, str]] = field(default_factory=dict)
    trees: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Plain data; fields of an entry that don't apply are left out."""
        data = {**asdict(self), "format": FORMAT}
        data["paths"] = {
            path: {key: value for key, value in vars(entry).items() if value is not None and value is not False}
            for path, entry in sorted(self.paths.items())
        }
        return data

    def take_path(self, path: str, entry: Entry | None) -> bool:
        """One path is now like this (None: not ours). True if the ledger said anything else."""
        return _put(self.paths, path, entry)

    def take(
        self,
        component: str,
        block: Mapping[str, Any] | None,
        paths: Mapping[str, Entry | None],
        services: Mapping[str, ServiceEntry | None],
    ) -> bool:
        """A component is now like this (None: gone). True if the ledger said anything else."""
        differs = _put(self.components, component, block)
        for path, entry in paths.items():
            differs |= self.take_path(path, entry)
        for name, service in services.items():
            differs |= _put(self.services, name, service)
        return differs

    def take_commands(self, component: str, digests: dict[str, str]) -> bool:
        """What the component's commands have put into effect. True if the ledger said anything else."""
        return _put(self.commands, component, digests or None)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Ledger:
        """The inverse of `to_data`. Raises StateError for a format that is not ours."""
        if data.get("format") != FORMAT:
            raise StateError(f"ledger format {data.get('format')!r} is not known here (expected {FORMAT})")
        return cls(
            node=data["node"],
            generation=data["generation"],
            paths={path: Entry(**{"created": False, **entry}) for path, entry in data["paths"].items()},
            services={name: ServiceEntry(**entry) for name, entry in data["services"].items()},
            components=data["components"],
            committed=data["committed"],
            packages=data.get("packages", {}),
            accounts=data.get("accounts", {}),
            commands=data.get("commands", {}),
            trees=data.get("trees", {}),
        )


@dataclass
class Journal:
    """A transaction that has begun: enough to undo it, or to know what the service may have missed.

    `action` is what the service needs after it (restart, reload, none). `phase` is `do`, `redo` if it
    continues an interrupted one, or `undo` once rolling back has begun. `service`: name, definition and stop_timeout of
    the component's service.
    """

    id: str
    component: str
    action: str
    steps: list[Step]
    phase: str = "do"
    service: dict[str, Any] | None = None

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        steps = [
            {"path": s.path, "before": s.before.to_data(), "after": s.after.to_data(), "section": s.section}
            for s in self.steps
        ]
        return {**vars(self), "steps": steps, "format": FORMAT}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Journal:
        """The inverse of `to_data`."""
        steps = [
            Step(s["path"], State.from_data(s["before"]), State.from_data(s["after"]), s.get("section"))
            for s in data["steps"]
        ]
        return cls(data["id"], data["component"], data["action"], steps, data["phase"], data["service"])


class Store:
    """The state directory. With `readonly`, nothing in it is ever written (check mode); it need not exist then."""

    def __init__(self, path: str, *, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self._generation: dict[str, Any] | None = None

    def at(self, *names: str) -> str:
        """A path in the state directory."""
        return os.path.join(self.path, *names)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the directory and holds the lock. Raises StateError, naming the pid that has it."""
        try:
            if self.readonly and not os.path.exists(self.at("lock")):
                yield
                return
            if not self.readonly:
                for name in _DIRECTORIES:
                    os.makedirs(self.at(name), 0o700, exist_ok=True)
                os.chmod(self.path, 0o700)
            descriptor = self._open_lock()
        except OSError as error:
            raise StateError(f"the state directory can't be used: {explain(error)}") from error
        with os.fdopen(descriptor, "r" if self.readonly else "r+", encoding="ascii") as lock:
            try:
                # Several checks may look at the same time; a run is alone.
                fcntl.flock(lock, (fcntl.LOCK_SH if self.readonly else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except OSError:
                holder = _lock_holder(descriptor) or lock.read(20).strip() or "unknown"
                raise StateError(
                    f"another converge run is under way (pid {holder} holds {self.at('lock')}): "
                    "try again when it has ended"
                ) from None
            if not self.readonly:
                lock.truncate(0)
                lock.write(f"{os.getpid()}\n")
                lock.flush()
                self._clean()
            yield

    def _clean(self) -> None:
        """Removes what a killed run was writing here."""
        for directory in _DIRECTORIES:
            for name in os.listdir(self.at(directory)):
                if name.endswith(TEMPORARY):
                    os.unlink(self.at(directory, name))

    def _open_lock(self) -> int:
        flags = os.O_RDONLY if self.readonly else os.O_RDWR | os.O_CREAT
        return os.open(self.at("lock"), flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def load(self) -> Ledger:
        """The ledger, empty if there was no run yet. Raises StateError when it can't be read."""
        data = self._read_json(self.at("ledger.json"))
        try:
            return Ledger() if data is None else Ledger.from_data(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise StateError(f"{self.at('ledger.json')} is damaged: {error!r}") from error

    def journals(self) -> list[Journal]:
        """Transactions that have not ended, oldest component name first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self.at("journal"))):
                if name.endswith(".json"):
                    data = self._read_json(self.at("journal", name))
                    if data is not None:
                        found.append(Journal.from_data(data))
        return found

    def open_journal(self, journal: Journal) -> None:
        """Records that a transaction begins (or turns back). Raises OSError."""
        write_atomically(self._journal(journal.component), _json(journal.to_data()))

    def close_journal(self, component: str) -> None:
        """The transaction has ended, one way or the other."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._journal(component))
            sync_directory(self.at("journal"))

    def _journal(self, component: str) -> str:
        return self.at("journal", f"{component}.json")

    def keep(self, content: bytes) -> str:
        """Stores a content under its SHA-256, which is returned. Raises OSError."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.at("blobs", sha256)
        try:
            known = os.lstat(path).st_size == len(content)
        except FileNotFoundError:
            known = False
        if not known:
            write_atomically(path, content)
        return sha256

    def content(self, sha256: str) -> bytes:
        """A stored content. Raises OSError when it is not there, or is not what its name says."""
        content = read(self.at("blobs", sha256))
        if hashlib.sha256(content).hexdigest() != sha256:
            raise OSError(f"the backup {self.at('blobs', sha256)} is damaged")
        return content

    def save(self, ledger: Ledger, manifest: str, changes: Iterable[tuple[str, Step]]) -> None:
        """Makes what one component's transaction changed durable: first in this run's generation, then in the ledger.

        Raises OSError. Without changes, only the ledger is written.
        """
        done = [
            {"component": component, "path": step.path, "before": step.before.to_data(), "after": step.after.to_data()}
            for component, step in changes
        ]
        if done and self._generation is None:
            number = max([ledger.generation, *self.generations()]) + 1
            self._generation = {"number": number, "manifest": manifest, "changes": []}
        if self._generation is not None:
            ledger.generation = self._generation["number"]
            self._generation["changes"] += done
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            generation = {**ledger.to_data(), **self._generation, "time": now, "format": FORMAT}
            write_atomically(self.at("generations", f"{ledger.generation:06d}.json"), _json(generation))
        write_atomically(self.at("ledger.json"), _json(ledger.to_data()))

    def save_if_changed(self, ledger: Ledger, manifest: str, changes: list[tuple[str, Step]]) -> None:
        """Writes the ledger unless the one on the disk says the same. Raises OSError."""
        if changes or self._read_json(self.at("ledger.json")) != json.loads(_json(ledger.to_data())):
            self.save(ledger, manifest, changes)

    @property
    def generation(self) -> int | None:
        """The number of the generation that this run made, if it changed anything."""
        return None if self._generation is None else int(self._generation["number"])

    def generations(self) -> list[int]:
        """Numbers of the generations that are kept, oldest first."""
        names = os.listdir(self.at("generations")) if os.path.isdir(self.at("generations")) else []
        return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())

    def read_generation(self, number: int) -> dict[str, Any]:
        """One generation in plain form. Raises StateError when it is not there."""
        data = self._read_json(self.at("generations", f"{number:06d}.json"))
        if data is None:
            raise StateError(f"there is no generation {number}; there are {self.generations()}")
        return data

    def collect(self, ledger: Ledger) -> None:
        """Drops old generations, and contents that nothing refers to any more. Raises OSError."""
        numbers = self.generations()
        for number in numbers[:-KEEP]:
            os.unlink(self.at("generations", f"{number:06d}.json"))
        wanted = set(_digests(ledger.to_data()))
        for number in numbers[-KEEP:]:
            wanted.update(_digests(self.read_generation(number)))
        for journal in self.journals():
            wanted.update(_digests(journal.to_data()))
        for name in os.listdir(self.at("blobs")):
            if name not in wanted:
                os.unlink(self.at("blobs", name))

    def _read_json(self, path: str) -> dict[str, Any] | None:
        try:
            data = json.loads(read(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(explain(error, path)) from error
        except ValueError as error:
            raise StateError(f"{path} is damaged: {error}") from error
        if not isinstance(data, dict):
            raise StateError(f"{path} is damaged: not an object")
        return data


def _put(table: dict[str, Any], key: str, value: Any) -> bool:
    """Sets (None: drops) an item; True if that makes a difference."""
    if table.get(key) == value:
        return False
    if value is None:
        del table[key]
    else:
        table[key] = value
    return True


def _lock_holder(descriptor: int) -> str | None:
    """The pid of who holds the flock, as the kernel says.

    (The file itself says who held it last for a run, not for a check.)
    """
    info = os.fstat(descriptor)
    inode = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}:{info.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii") as locks:
            for line in locks:
                words = line.split()
                if len(words) > 5 and words[1] == "FLOCK" and words[5] == inode:
                    return words[4]
    except OSError:
        pass
    return None


def _digests(data: Any) -> Iterator[str]:
    """Every SHA-256 that is a value of a `sha256` key, anywhere in `data`."""
    if isinstance(data, Mapping):
        if isinstance(data.get("sha256"), str):
            yield data["sha256"]
        data = data.values()
    elif not isinstance(data, (list, tuple)):
        return
    for item in data:
        yield from _digests(item)


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")
