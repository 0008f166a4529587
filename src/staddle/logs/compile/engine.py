"""The DuckDB that queries run in, and what is remembered about parts between queries."""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from staddle.logs.http.errors import HTTPError
from staddle.store.names import STREAM, TENANT, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from staddle.store.manifest import Part
    from staddle.store.partset import Snapshot
    from staddle.store.store import Store

log = logging.getLogger(__name__)

MAX_REMEMBERED = 4096
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A part's streams by tenant, and all words without digits of its messages (None: not known)."""

    streams: dict[int, tuple[str, ...]]
    words: frozenset[str] | None


class _Cache:
    """Least recently used values by key. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        return None

    def put(self, key: Any, value: Any) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)


class Engine:
    """One DuckDB for all queries, with one memory limit. Thread-safe: every query has a cursor of its own."""

    def __init__(
        self,
        store: Store,
        *,
        memory_bytes: int,
        threads: int,
        temp: Path,
        derived: Mapping[str, str] | None = None,
    ) -> None:
        self.store = store
        # Columns that no part has, because they follow from others: SQL by name.
        self._derived = dict(derived or {})
        self._con = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": f"{memory_bytes // 1024} KiB",
                "temp_directory": str(temp),
                "preserve_insertion_order": False,
            }
        )
        self._con.execute("set parquet_metadata_cache=true")
        self._summaries = _Cache(MAX_REMEMBERED)
        self._facts = _Cache(4 * MAX_REMEMBERED)

    def columns(self, part: Part) -> set[str]:
        """All columns that can be asked of a part."""
        return {*part.columns, *self._derived}

    def source(self, snapshot: Snapshot, parts: Iterable[Part]) -> str:
        """Parts as something to select from."""
        files = ", ".join(literal(str(snapshot.path(p))) for p in parts)
        source = f"read_parquet([{files}], union_by_name=true)"
        if not self._derived:
            return source
        made = ", ".join(f"{sql} as {quoted(name)}" for name, sql in self._derived.items())
        return f"(select *, {made} from {source})"

    @contextmanager
    def cursor(self, timer: Timer | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one query; `timer` interrupts it when the time is up."""
        cursor = self._con.cursor()
        try:
            if timer is not None:
                timer.watch(cursor)
            yield cursor
        except duckdb.InterruptException as error:
            raise HTTPError(503, timer.message if timer else "the query was interrupted") from error
        except duckdb.OutOfMemoryException as error:
            raise HTTPError(
                503, f"the query needs more memory than -memory.allowedPercent leaves it: {error}"
            ) from error
        finally:
            if timer is not None:
                timer.unwatch(cursor)
            cursor.close()

    def fetch(self, sql: str, timer: Timer | None = None) -> list[Row]:
        """All rows of a query."""
        with self.cursor(timer) as cursor:
            return list(cursor.execute(sql).fetchall())

    def summary(self, snapshot: Snapshot, part: Part) -> Summary:
        """What is known about a part's streams and words; asks the part itself if it has no summary file."""
        found: Summary | None = self._summaries.get(part.name)
        if found is None:
            found = self._load(snapshot, part)
            self._summaries.put(part.name, found)
        return found

    def _load(self, snapshot: Snapshot, part: Part) -> Summary:
        words = None
        try:
            raw = json.loads(snapshot.summary(part).read_bytes())
            rows = [(t, s) for t, s, *_ in raw["streams"]]
            words = None if raw["words"] is None else frozenset(raw["words"])
        except (OSError, ValueError, KeyError):
            source = f"read_parquet({literal(str(snapshot.path(part)))})"
            rows = self.fetch(f"select distinct {quoted(TENANT)}, {STREAM} from {source}")
        streams: dict[int, list[str]] = {}
        for tenant, stream in rows:
            streams.setdefault(tenant, []).append(stream)
        return Summary({t: tuple(s) for t, s in streams.items()}, words)

    def fact(self, snapshot: Snapshot, parts: Sequence[Part], name: str, expression: str) -> bool:
        """Does a boolean aggregate hold for each of the parts? Remembered per part."""
        for part in parts:
            key = (part.name, name)
            answer = self._facts.get(key)
            if answer is None:
                source = self.source(snapshot, [part])
                answer = bool(self.fetch(f"select coalesce({expression}, true) from {source}")[0][0])
                self._facts.put(key, answer)
            if not answer:
                return False
        return True

    def check_parts(self, snapshot: Snapshot) -> bool:
        """Look for parts that can't be read, and take them out of service; True when there were any."""
        bad = set()
        for part in snapshot.parts:
            # Not min or max: those are in the footer, and would not read the data.
            columns = ", ".join(f"bit_xor(hash({quoted(c)}))" for c in part.columns)
            try:
                self.fetch(f"select {columns} from read_parquet({literal(str(snapshot.path(part)))})")
            except duckdb.Error as error:
                log.warning("part %s can't be read: %s", part.name, error)
                bad.add(part.name)
        self.store.report_damaged(bad)
        return bool(bad)

    def close(self) -> None:
        """No queries after this."""
        self._con.close()


class Timer:
    """Interrupts the cursors of one request when its time is up."""

    def __init__(self, seconds: float) -> None:
        self.message = f"the query was ended after {seconds:g}s (-search.maxQueryDuration, or the timeout argument)"
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._lock = threading.Lock()
        self.expired = False
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Interrupt this one too."""
        with self._lock:
            self._cursors.add(cursor)
        self.check()

    def unwatch(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Forget a cursor that is done."""
        with self._lock:
            self._cursors.discard(cursor)

    def check(self) -> None:
        """Raise HTTPError 503 when the time is up."""
        if self.expired:
            raise HTTPError(503, self.message)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for cursor in self._cursors:
                cursor.interrupt()

    def cancel(self) -> None:
        """The request is done."""
        self._timer.cancel()
