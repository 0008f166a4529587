"""Stacks that several files share stand still while a file runs that doesn't ask for them.

Each is a dozen programs that scrape one another every second: up to six of them at once took more than a processor.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tests.sandbox.stack import Stack

_SHARED: dict[str, _Shared] = {}


class _Shared:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._still: set[int] = set()

    def rest(self) -> None:
        if not self._still:
            self._still = self.stack.supervision.own_pids()
            self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)
        self._still = set()

    def _signal(self, number: signal.Signals) -> None:
        for pid in sorted(self._still):
            with contextlib.suppress(ProcessLookupError):  # a short one has ended meanwhile
                os.kill(pid, number)


def shared(fixture: str, stacks: Iterator[Stack]) -> Iterator[Stack]:
    """The same stack, known by the name of the fixture that gives it."""
    for stack in stacks:
        _SHARED[fixture] = _Shared(stack)
        try:
            yield stack
        finally:
            _SHARED.pop(fixture).wake()


def wake_only(fixtures: Collection[str]) -> None:
    """What is asked for runs, the others stand still."""
    for name, one in _SHARED.items():
        if name in fixtures:
            one.wake()
        else:
            one.rest()
