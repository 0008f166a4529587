"""Errors of the event store."""

from __future__ import annotations

from staddle.errors import StaddleError


class StoreError(StaddleError):
    """Base of all errors of the store."""


class ReadOnlyError(StoreError):
    """The disk is nearly full (or refuses writes): nothing can be stored until there is room again."""


class CorruptError(StoreError):
    """A file is not what was written. The message has its path and where it goes wrong."""


class WorkerError(StoreError):
    """The converting or merging process failed or died; the message has what it said."""


class OtherBuildError(WorkerError):
    """The process is of other code than the server, which must be restarted. Nothing is wrong with the rows."""
