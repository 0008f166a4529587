"""The base of all pipes."""

from __future__ import annotations


class Pipe:
    """One step after the filter. `str(node)` is LogsQL that parses to an equal node."""

    __slots__ = ()
