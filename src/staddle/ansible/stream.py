"""What a host says while it still works.

Ansible gives an action the output of a command when that has ended. Its ssh plugin tells each piece to its debug log
as it comes, though, and there we listen. Where there is nothing to hear (another connection plugin, another Ansible),
progress is told when the step has ended, and nothing else is missing.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from staddle.converge.remote import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = "stderr chunk"
_BEFORE, _AFTER = ">>>", "<<<\n"


@contextlib.contextmanager
def listening(connection: Any, tell: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """While it lasts, `tell` gets every event of the converge program that runs over the connection."""
    module: Any = sys.modules.get(type(connection).__module__)
    display = getattr(module, "display", None)
    if display is None:
        yield
        return
    module.display = _Ear(display, tell)
    try:
        yield
    finally:
        module.display = display


class _Ear:
    """Ansible's display, overheard."""

    def __init__(self, display: Any, tell: Callable[[dict[str, Any]], None]) -> None:
        self._display = display
        self._tell = tell
        self._rest = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._display, name)

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Like the display's, after a look at it."""
        if msg.startswith(_PIECE):
            *lines, self._rest = (self._rest + msg.partition(_BEFORE)[2].removesuffix(_AFTER)).split("\n")
            for event in filter(None, map(_event, lines)):
                self._tell(event)
        self._display.debug(msg, *args, **kwargs)


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith(EVENT):
        return None
    try:
        data: dict[str, Any] = json.loads(line.removeprefix(EVENT))
    except ValueError:
        return None
    return data
