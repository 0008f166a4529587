"""Errors of the language."""

from __future__ import annotations

from staddle.errors import StaddleError


class LogsQLError(StaddleError):
    """The query text is not LogsQL, or asks for what can't be had.

    `message` says what is wrong; `text` is the query and `position` the offset in it (characters) where
    that was noticed. `str(error)` has all, in the form clients know: `<message>; context: [<text up to
    there>]`.
    """

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        super().__init__(message)
        self.text = text
        self.position = position

    def __str__(self) -> str:
        return f"{self.message}; context: [{self.context}]"

    @property
    def context(self) -> str:
        """The query up to the position, shortened in front."""
        tail = self.text[: self.position]
        return tail if len(tail) <= 53 else "..." + tail[-50:]

    @property
    def line_column(self) -> tuple[int, int]:
        """Line and column of the position, both from 1."""
        before = self.text[: self.position]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class QueryLimitError(StaddleError):
    """Answering the query would need more memory than it may have."""
