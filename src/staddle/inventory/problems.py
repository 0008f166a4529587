"""What is wrong with an inventory, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in an inventory file. Lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, with all that is needed to mend it.

    `path` is the dotted path in the file (`all.vars.nginx_port`), `found` the offending value as text (never a
    secret's), `allowed` what would be accepted, `nearest` the known name that looks most like an unknown one.
    """

    severity: Severity
    message: str
    position: Position | None = None
    path: str = ""
    found: str | None = None
    allowed: str | None = None
    nearest: str | None = None

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        path = f"{self.path}: " if self.path else ""
        text = f"{where}{self.severity}: {path}{self.message}"
        if self.found:
            text += f", found {self.found}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        if self.allowed:
            text += f" (allowed: {self.allowed})"
        return text
