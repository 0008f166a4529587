"""Alerts that a sink was told about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.sinks import HttpSink


def alerts(sink: HttpSink, name: str, status: str) -> list[dict[str, Any]]:
    """Those of this name, as they came."""
    found = [alert for told in sink.told for alert in told.data["alerts"]]
    return [alert for alert in found if alert["labels"]["alertname"] == name and alert["status"] == status]


def names(sink: HttpSink, status: str) -> set[tuple[str, str]]:
    """(alert, instance) of all that was told."""
    found = [alert for told in sink.told for alert in told.data["alerts"]]
    return {
        (alert["labels"]["alertname"], alert["labels"].get("ins", "")) for alert in found if alert["status"] == status
    }
