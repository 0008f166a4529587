"""Errors that become HTTP answers."""

from __future__ import annotations


class HTTPError(Exception):
    """Answer with `status` and `message` as plain text."""

    def __init__(self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class DisconnectedError(Exception):
    """The client went away, or speaks no HTTP."""
