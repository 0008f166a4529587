"""Live progress of a run over hosts: a line for each host that is at work, and a line that stays for each component done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bars, SpinnerColumn, TaskID, TextColumn
from rich.table import Column

from staddle.cli.output import OUTCOMES, err

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.drive.fleet import Progress

STEPS = {
    "facts": "asking the hosts what they are",
    "compile": "compiling",
    "plan": "asking what is to be done",
    "plan_again": "asking again: packages come from other sources now",
    "apply": "converging",
    "drift": "looking for drift",
    "status": "asking every service",
    "doctor": "looking the hosts over",
    "rollback": "going back",
    "remove": "removing",
}
_ROWS = 12
"""Hosts shown at the same time; more would not fit a terminal."""
_ENDS = {"ok", "failed", "unreachable"}


class Watch:
    """Takes what happens in a run, and shows it: live on a terminal, as plain lines elsewhere."""

    def __init__(self) -> None:
        left = Column(no_wrap=True)
        self._step = Bars(SpinnerColumn(), TextColumn("{task.description}"), console=err)
        self._hosts = Bars(
            TextColumn("  [bold]{task.fields[host]}[/]", table_column=left),
            TextColumn("[dim]{task.fields[phase]}[/]", table_column=left),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=err,
            expand=True,
        )
        self._live = Live(Group(self._step, self._hosts), console=err, transient=True, refresh_per_second=8)
        self._main = self._step.add_task("starting", total=None)
        self._rows: dict[str, TaskID] = {}
        self._told: set[tuple[str, str]] = set()
        self._answers = 0
        self._text = ""

    @property
    def is_live(self) -> bool:
        return err.is_terminal

    def start(self) -> None:
        """Not before something has happened: the process that makes it happen is a fork, which threads would disturb."""
        if self.is_live and not self._live.is_started:
            self._live.start()

    def stop(self) -> None:
        """Also while the user is asked something."""
        if self.is_live:
            self._live.stop()

    def __call__(self, event: Progress) -> None:
        """The next thing that happened."""
        self.start()
        if event.event == "task":
            self._begin(event)
        elif event.event == "converge":
            self._converge(event)
        elif event.event in _ENDS:
            self._end(event)

    def _begin(self, event: Progress) -> None:
        # Every phase begins on all hosts, most of which have nothing to do in it.
        if event.step not in STEPS or STEPS[event.step] == self._text:
            return
        self._text, self._answers = STEPS[event.step], 0
        self._step.update(self._main, description=self._text)
        if not self.is_live:
            err.print(f"  {self._text}")

    def _converge(self, event: Progress) -> None:
        data = event.data
        kind, component = data.get("kind"), str(data.get("component", ""))
        if kind == "block":
            self._told.add((event.host, event.phase))
            if data.get("outcome") != "ok":
                self._print(event, component, str(data["outcome"]), float(data.get("seconds", 0)))
        if not self.is_live:
            return
        if kind == "end":
            self._drop(event.host)
            return
        row = self._row(event)
        if row is None:
            return
        text = escape(f"{component}: {data.get('text', '')}" if component else str(data.get("text", "")))
        if kind == "begin":
            self._hosts.update(row, total=data.get("total", 0), completed=0, description="")
        elif kind == "step":
            self._hosts.update(row, description=text)
        elif kind == "block":
            self._hosts.update(row, completed=data.get("index", 0))

    def _end(self, event: Progress) -> None:
        self._drop(event.host)
        self._answers += 1
        if event.step in STEPS and not event.phase:
            hosts = f"{self._answers} host{'s' if self._answers > 1 else ''} done"
            self._step.update(self._main, description=f"{self._text} [dim]{hosts}[/]")
        if event.event == "unreachable":
            err.print(f"  [red]✗[/] {event.host} [red]can't be reached[/]")
        elif event.step in {"apply", "rollback", "remove"} and (event.host, event.phase) not in self._told:
            # Not every connection tells while it works.
            for name, outcome in dict(event.data.get("components") or {}).items():
                self._print(event, name, outcome, None)

    def _print(self, event: Progress, component: str, outcome: str, seconds: float | None) -> None:
        mark, style = OUTCOMES[outcome]
        word = f"[{style}]{outcome}[/]" if style else outcome
        time = "" if seconds is None else f" [dim]{seconds:.1f} s[/]"
        err.print(f"  {mark} {event.host} [dim]{event.phase or event.step}[/] [bold]{component}[/] {word}{time}")

    def _row(self, event: Progress) -> TaskID | None:
        if event.host not in self._rows:
            if len(self._rows) >= min(_ROWS, max(1, err.height - 3)):
                return None
            self._rows[event.host] = self._hosts.add_task("", total=None, host=event.host, phase=event.phase)
        self._hosts.update(self._rows[event.host], phase=event.phase or event.step)
        return self._rows[event.host]

    def _drop(self, host: str) -> None:
        row = self._rows.pop(host, None)
        if row is not None:
            self._hosts.remove_task(row)


class Silence(Watch):
    """Shows nothing."""

    @property
    def is_live(self) -> bool:
        return False

    def __call__(self, event: Progress) -> None:
        del event


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch]:
    """A Watch that cleans up after itself."""
    watch: Watch = Silence() if quiet else Watch()
    try:
        yield watch
    finally:
        watch.stop()
