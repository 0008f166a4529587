"""Staddle's own runs as traces: `up` and `apply`, their steps, hosts and components.

Switched on by OpenTelemetry's usual environment variables: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (a whole URL), or
OTEL_EXPORTER_OTLP_ENDPOINT (to which /v1/traces is added). A TRACEPARENT makes the run a part of somebody's trace.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from staddle import __version__, otlp
from staddle.converge.report import CHANGED, OK, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from staddle.drive.fleet import Progress
    from staddle.otlp import Value
    from staddle.programs.provision import Step

TIMEOUT = 5.0
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def endpoint(environment: Mapping[str, str]) -> str | None:
    """Where traces go, if anywhere."""
    if whole := environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return whole
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return f"{base.rstrip('/')}/v1/traces" if base else None


@dataclass
class Recorder:
    """Makes spans of what a run says about its progress. Times are nanoseconds since the epoch."""

    name: str
    clock: Callable[[], int] = time.time_ns
    parent: str = ""
    spans: list[otlp.Span] = field(default_factory=list)
    failed: bool = False
    """To be set when what the run is about did not go well."""

    def __post_init__(self) -> None:
        caller = _PARENT.fullmatch(self.parent)
        trace = caller[1] if caller else secrets.token_hex(16)
        now = self.clock()
        self._root = otlp.Span(trace, secrets.token_hex(8), self.name, now, now, caller[2] if caller else "")
        self._step: otlp.Span | None = None
        self._hosts: dict[tuple[str, str], otlp.Span] = {}

    def step(self, step: Step) -> None:
        """A run on this machine is at something else now (or further with the same)."""
        if step.percent is None or self._step is None or self._step.name != step.text:
            self._begin(step.text)

    def event(self, event: Event) -> None:
        """Convergence of this machine goes on."""
        if event.kind == "begin":
            self._begin("converge")
        elif event.kind == "block" and self._step:
            self._block(event, self._step)

    def progress(self, progress: Progress) -> None:
        """A run over hosts goes on."""
        key = (progress.host, progress.phase)
        if progress.event == "task" and progress.step:
            self._begin(f"{progress.step} {progress.phase}".strip())
        elif progress.event == "converge":
            known = {name: value for name, value in progress.data.items() if name in Event.__dataclass_fields__}
            event = Event(**known)
            attributes: dict[str, Value] = {"ip": progress.host, "staddle.phase": progress.phase}
            if key not in self._hosts:
                self._hosts[key] = self._child(f"converge {progress.host}", self._step or self._root, attributes)
            if event.kind == "block":
                self._block(event, self._hosts[key])
            elif event.kind == "end":
                self._end(self._hosts.pop(key))
        elif progress.event in {"failed", "unreachable"}:
            span = self._child(
                f"{progress.step} {progress.host}".strip(), self._step or self._root, {"ip": progress.host}
            )
            self._end(replace(span, status=otlp.Status.ERROR, message=progress.event))

    def finish(self) -> list[otlp.Span]:
        """The run is over: all its spans."""
        self._begin(None)
        for span in self._hosts.values():
            self._end(replace(span, status=otlp.Status.ERROR, message="it did not come to its end"))
        status = otlp.Status.ERROR if self.failed else otlp.Status.OK
        self._end(replace(self._root, status=status))
        return self.spans

    def _begin(self, text: str | None) -> None:
        if self._step:
            self._end(self._step)
        self._step = self._child(text, self._root, {}) if text else None

    def _block(self, event: Event, parent: otlp.Span) -> None:
        span = self._child(event.component, parent, {"staddle.outcome": event.outcome})
        bad = event.outcome not in {OK, CHANGED}
        status = otlp.Status.ERROR if bad else otlp.Status.UNSET
        start = span.start - int(event.seconds * 1_000_000_000)
        self._end(replace(span, start=start, status=status, message=event.outcome if bad else ""))

    def _child(self, name: str, parent: otlp.Span, attributes: Mapping[str, Value]) -> otlp.Span:
        now = self.clock()
        return otlp.Span(parent.trace_id, secrets.token_hex(8), name, now, now, parent.span_id, attributes=attributes)

    def _end(self, span: otlp.Span) -> None:
        self.spans.append(replace(span, end=self.clock()))


@contextmanager
def traced(name: str, complain: Callable[[str], None]) -> Iterator[Recorder]:
    """A run that is recorded, and sent where the environment says. That it can't be sent is no failure of the run."""
    recorder = Recorder(name, parent=os.environ.get("TRACEPARENT", ""))
    try:
        yield recorder
    except BaseException:
        recorder.failed = True
        raise
    finally:
        if url := endpoint(os.environ):
            try:
                _send(url, recorder.finish())
            except (OSError, ValueError) as error:
                complain(f"the trace of this run could not be sent to {url}: {getattr(error, 'reason', None) or error}")


def _send(url: str, spans: list[otlp.Span]) -> None:
    resource = {"service.name": "staddle", "service.version": __version__, "host.name": socket.gethostname()}
    body = otlp.request([(resource, spans)], "staddle")
    request = urllib.request.Request(url, body, {"Content-Type": otlp.CONTENT_TYPE})  # noqa: S310 - the user's own URL
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        answer.read()
