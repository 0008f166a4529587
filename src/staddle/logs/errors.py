"""Errors of the log server."""

from __future__ import annotations

from staddle.errors import StaddleError


class FlagError(StaddleError):
    """A command-line flag is unknown or has a bad value; the message says which and what is allowed."""


class IngestError(StaddleError):
    """A batch of rows can't be read; the message says why."""
