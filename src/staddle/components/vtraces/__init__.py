"""The trace store: VictoriaTraces from a package, or Staddle's own `staddle-traces`, which speaks the same protocol."""

from __future__ import annotations

from staddle.components.base import Package
from staddle.components.registry import component
from staddle.components.stores import EventStore

VICTORIA_TRACES = Package(
    "victoria-traces",
    {"victoria-traces": "/usr/bin/victoria-traces"},
    minimum="0.1",
    smoke=("-version",),
    optional=True,
)


@component
class VictoriaTraces(EventStore):
    name = "vtraces"
    title = "Trace store"
    port_parameter = "vtraces_port"
    path = "/vtraces/"
    packages = (VICTORIA_TRACES,)
    package = VICTORIA_TRACES
    engine = "staddle-traces"
    folder = "traces"
    # Which service calls which: the trace page shows it.
    engine_flags = ("-servicegraph.enableTask",)
