"""The log store: VictoriaLogs from a package, or Staddle's own `staddle-logs`, which speaks the same protocol."""

from __future__ import annotations

from staddle.components.base import Package
from staddle.components.registry import component
from staddle.components.stores import EventStore

VICTORIA_LOGS = Package(
    "victoria-logs", {"victoria-logs": "/usr/bin/victoria-logs"}, minimum="1.0", smoke=("-version",), optional=True
)


@component
class VictoriaLogs(EventStore):
    name = "vlogs"
    title = "Log store"
    port_parameter = "vlogs_port"
    path = "/vlogs/"
    packages = (VICTORIA_LOGS,)
    package = VICTORIA_LOGS
    engine = "staddle-logs"
    folder = "logs"
