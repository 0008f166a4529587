"""Runs SQL of stored dashboards: read-only, with a limit on time and on rows, as the monitoring role.

psycopg is loaded when the first query comes: where nobody has SQL panels it costs nothing.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ROWS = 10_000
STATEMENT_SECONDS = 15
AT_ONCE = 4
_CONNECT_SECONDS = 5
_OPTIONS = (
    "-c default_transaction_read_only=on"
    f" -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"
    " -c standard_conforming_strings=on -c search_path=pg_catalog,public"
)
_NUMBERS = {20, 21, 23, 26, 700, 701, 1700}
_TIMES = {1082, 1114, 1184}
_BOOLEAN = 16


class DatabaseError(Exception):
    """The database can't be asked, or refused; the text is for whoever looks at the panel."""


@dataclass(frozen=True, slots=True)
class Database:
    """A data source: where it is and as whom to ask, in libpq's keywords."""

    uid: str
    values: Mapping[str, str]
    password: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Result:
    """Columns are (name, kind: number, time, boolean, string); times are Unix milliseconds."""

    columns: tuple[tuple[str, str], ...]
    rows: list[list[Any]]
    truncated: bool

    def values(self) -> list[list[Any]]:
        """Column by column."""
        return [[row[i] for row in self.rows] for i in range(len(self.columns))]


class Databases:
    """Those that may be asked, by uid."""

    def __init__(self, known: Mapping[str, Database]) -> None:
        self.known = known
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def run(self, uid: str, sql: str) -> Result:
        """One statement's rows; without a uid from the first database that there is. Raises DatabaseError."""
        uid = uid or next(iter(self.known), "")
        if uid not in self.known:
            raise DatabaseError(f"there is no database {uid!r} here" if uid else "no databases are monitored here")
        if not self._room.acquire(timeout=STATEMENT_SECONDS):
            raise DatabaseError(f"{AT_ONCE} statements are running already")
        try:
            return _run(self.known[uid], sql)
        finally:
            self._room.release()


def _run(where: Database, sql: str) -> Result:
    try:
        import psycopg  # noqa: PLC0415 (see above)
    except ImportError as error:
        raise DatabaseError(f"SQL panels need psycopg: {error}") from None
    arguments: dict[str, Any] = {
        **where.values,
        "password": where.password or None,
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "staddle-console",
        "options": _OPTIONS,
    }
    try:
        with psycopg.connect(**arguments) as connection:
            connection.read_only = True
            with connection.cursor() as cursor:
                return _fetch(cursor, sql)
    except psycopg.Error as error:
        text = error.diag.message_primary or str(error).strip()
        raise DatabaseError(f"{where.uid}: {text}") from None


def _fetch(cursor: Any, sql: str) -> Result:
    rows: list[list[Any]] = []
    truncated = False
    # With arguments (here none), statements go by the extended protocol, which takes one at a time.
    # Closed before its end, a stream cancels the statement.
    with closing(cursor.stream(sql.replace("%", "%%"), ())) as stream:
        for row in stream:
            if len(rows) == MOST_ROWS:
                truncated = True
                break
            rows.append([_plain(value) for value in row])
        columns = tuple((column.name, _kind(column.type_code)) for column in cursor.description or ())
    return Result(columns, rows, truncated)


def _kind(code: int) -> str:
    if code in _NUMBERS:
        return "number"
    if code in _TIMES:
        return "time"
    return "boolean" if code == _BOOLEAN else "string"


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | str() | float() | dict() | list():
            return value
        case decimal.Decimal():
            return float(value) if value.is_finite() else None
        case dt.datetime():
            return int((value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp() * 1000)
        case dt.date():
            return int(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp() * 1000)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
