"""How the exporter connects: a connection string without the password, which stands in a file. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE = "postgres"
APPLICATION = "staddle"


@dataclass(frozen=True, slots=True)
class Connection:
    """`values` are libpq's keywords but for the password."""

    values: Mapping[str, str]
    password: str = field(repr=False)

    @property
    def text(self) -> str:
        """As a connection string of keywords: the form to which the exporter appends the names of databases.

        It takes a string for one by the first keyword, which may have no underscore.
        """
        ordered = {"host": "", **self.values}
        return " ".join(f"{name}={_quoted(value)}" for name, value in ordered.items() if value)

    @property
    def pgpass(self) -> bytes:
        """A password file. It is this exporter's own, so it needs not say for what."""
        escaped = self.password.replace("\\", "\\\\").replace(":", "\\:")
        return f"*:*:*:*:{escaped}\n".encode() if self.password else b""


def from_url(url: str, common: Mapping[str, str]) -> Connection:
    """What `postgresql://user:password@host:port/database?name=value` says, and what is common to all where it doesn't."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    given = {
        "host": unquote(parts.hostname or ""),
        "port": str(parts.port or ""),
        "user": unquote(parts.username or ""),
        "dbname": unquote(parts.path.strip("/")) or DATABASE,
        **query,
    }
    if given["host"].startswith("/"):
        given.setdefault("sslmode", "disable")  # a socket has no TLS
    password = unquote(parts.password or "") or given.pop("password", "")
    return Connection({**given, **{name: value for name, value in common.items() if name not in given}}, password)


def parameters(text: str) -> dict[str, str]:
    """`sslmode=require&x=y`, as in a URL."""
    return dict(parse_qsl(text))


def _quoted(value: str) -> str:
    if value.isalnum():
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
