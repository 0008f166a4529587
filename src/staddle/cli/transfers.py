"""How far downloads are: a live bar for all and one for each file on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from staddle.cli.output import err, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from staddle.repo.download import Watch

_EVERY_SECONDS = 5.0
_VISIBLE = 4
_WIDTH = 36


class Quiet:
    """Nobody wants to know."""

    def step(self, text: str) -> None:
        """Says nothing."""

    def total(self, files: int, size: int) -> None:
        """Says nothing."""

    def received(self, file: str, received: int, size: int) -> None:
        """Says nothing."""


class Lines:
    """For logs: one line for each step, and every few seconds how much is here."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._total, self._last = 0, 0.0

    def step(self, text: str) -> None:
        say(f"  {escape(text)}")

    def total(self, files: int, size: int) -> None:
        self._files, self._total, self._last = {}, size, time.monotonic()
        if files:
            say(f"  {files} files, {decimal(size)}, are to be downloaded")

    def received(self, file: str, received: int, size: int) -> None:
        self._files[file] = received
        if received >= size and time.monotonic() - self._last >= _EVERY_SECONDS:
            self._last = time.monotonic()
            say(f"  {decimal(sum(self._files.values()))} of {decimal(self._total)} ({escape(file)})")


class Bars:
    """For people: what is under way, and the whole."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._all: TaskID | None = None
        self._files: dict[str, TaskID] = {}
        self._bytes: dict[str, int] = {}

    def step(self, text: str) -> None:
        self._shown.console.print(f"  {escape(text)}")

    def total(self, files: int, size: int) -> None:
        if self._all is not None:
            self._shown.remove_task(self._all)
        self._bytes = {}
        self._all = self._shown.add_task(f"{files} files", total=size) if files else None

    def received(self, file: str, received: int, size: int) -> None:
        if file not in self._files:
            name = file if len(file) <= _WIDTH else f"{file[: _WIDTH - 1]}…"
            self._files[file] = self._shown.add_task(name, total=size, visible=len(self._files) < _VISIBLE)
        self._shown.update(self._files[file], completed=received)
        self._bytes[file] = received
        if self._all is not None:
            self._shown.update(self._all, completed=sum(self._bytes.values()))
        if received >= size:
            self._shown.remove_task(self._files.pop(file))


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[Watch]:
    """Something that shows how far it is, and cleans up after itself."""
    if quiet or not err.is_terminal:
        yield Quiet() if quiet else Lines()
        return
    columns = (TextColumn(f"  {{task.description:<{_WIDTH}}}"), BarColumn(bar_width=20), DownloadColumn(),
               TransferSpeedColumn(), TimeRemainingColumn(compact=True))  # fmt: skip
    with Progress(*columns, console=err, transient=True) as shown:
        yield Bars(shown)
