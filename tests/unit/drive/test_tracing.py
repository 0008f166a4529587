"""What spans a run makes of its progress."""

from __future__ import annotations

import itertools

import pytest

from staddle.converge.report import Event
from staddle.drive.fleet import Progress
from staddle.drive.tracing import Recorder, endpoint
from staddle.otlp import Span, Status
from staddle.programs.provision import Step


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318/"}, "http://x:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://y/z"}, "http://y/z"),
    ],
)
def test_where_traces_go(environment: dict[str, str], wanted: str | None) -> None:
    assert endpoint(environment) == wanted


def recorder(parent: str = "") -> Recorder:
    ticks = itertools.count(10_000_000_000, 1_000_000_000)
    return Recorder("staddle deploy", clock=lambda: next(ticks), parent=parent)


def tree(spans: list[Span]) -> dict[str, str]:
    """The name of each span's parent."""
    names = {span.span_id: span.name for span in spans}
    return {span.name: names.get(span.parent_id, "") for span in spans}


def test_a_run_on_this_machine() -> None:
    run = recorder()
    run.step(Step("downloading", 10))
    run.step(Step("downloading", 90))
    run.event(Event("begin"))
    run.event(Event("block", "nginx", outcome="changed", seconds=0.5))
    run.event(Event("block", "vmalert", outcome="rolled back", seconds=1.5))
    run.event(Event("end"))
    run.failed = True
    spans = run.finish()
    assert tree(spans) == {
        "downloading": "staddle deploy",
        "converge": "staddle deploy",
        "staddle deploy": "",
        "nginx": "converge",
        "vmalert": "converge",
    }
    assert {span.name for span in spans if span.status == Status.ERROR} == {"staddle deploy", "vmalert"}
    assert len({span.trace_id for span in spans}) == 1
    assert all(span.start <= span.end for span in spans)


def test_a_run_over_hosts() -> None:
    run = recorder("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    run.progress(Progress("task", "", "apply", "infra", {}))
    for host in ("10.0.0.1", "10.0.0.2"):
        run.progress(Progress("converge", host, "apply", "infra", {"kind": "begin", "total": 1}))
    run.progress(
        Progress("converge", "10.0.0.1", "apply", "infra", {"kind": "block", "component": "nginx", "outcome": "ok"})
    )
    run.progress(Progress("converge", "10.0.0.1", "apply", "infra", {"kind": "end"}))
    run.progress(Progress("unreachable", "10.0.0.3", "facts", "", {}))
    spans = run.finish()
    assert tree(spans)["nginx"] == "converge 10.0.0.1"
    assert tree(spans)["converge 10.0.0.1"] == "apply infra"
    errors = {span.name: span.message for span in spans if span.status == Status.ERROR}
    assert errors == {"converge 10.0.0.2": "it did not come to its end", "facts 10.0.0.3": "unreachable"}
    root = next(span for span in spans if span.name == "staddle deploy")
    assert (root.trace_id, root.parent_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
