"""What Alertmanager says about a group of alerts, in words: the same as its templates make of it (alerting/messages)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Message:
    """`status` is firing or resolved; `severity` CRIT, WARN, INFO or empty; `link` leads to the runbook or the portal."""

    status: str
    severity: str
    title: str
    text: str
    link: str


def message(data: Mapping[str, Any]) -> Message:
    """From the JSON of a webhook (version 4). Raises KeyError, TypeError or AttributeError if it is something else."""
    alerts = data["alerts"]
    labels, annotations = data.get("commonLabels", {}), data.get("commonAnnotations", {})
    severity = str(labels.get("severity", ""))
    word = "OK" if data["status"] == "resolved" else severity or "ALERT"
    rest = alerts[0]["annotations"].get("summary", "") if len(alerts) == 1 else _numbers(alerts, labels)
    portal = f"{data.get('externalURL', '')}/"
    return Message(
        status=str(data["status"]),
        severity=severity,
        title=f"{word} {labels.get('alertname', '')}: {rest}",
        text="\n\n".join([*(_paragraph(alert) for alert in alerts), f"silence or look closer: {portal}"]),
        link=str(annotations.get("runbook_url") or portal),
    )


def _numbers(alerts: list[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    firing = sum(alert["status"] == "firing" for alert in alerts)
    parts = [f"{number} {what}" for number, what in ((firing, "firing"), (len(alerts) - firing, "resolved")) if number]
    return ", ".join(parts) + (f" in {labels['cls']}" if labels.get("cls") else "")


def _paragraph(alert: Mapping[str, Any]) -> str:
    labels, notes = alert["labels"], alert["annotations"]
    over = alert["status"] == "resolved"
    where = f"instance {labels['ins']} " if labels.get("ins") else ""
    where += f"({labels['ip']})" if labels.get("ip") else ""
    until = f" until {_when(alert['endsAt'])}" if over else ""
    lines = [
        f"{'✔ resolved' if over else '✖ firing'}: {notes.get('summary', labels.get('alertname', ''))}",
        notes.get("description", ""),
        f"{where.strip()}, since {_when(alert['startsAt'])}{until}",
        f"what to do: {notes['runbook_url']}" if notes.get("runbook_url") else "",
        f"dashboard: {notes['dashboard_url']}" if notes.get("dashboard_url") else "",
    ]
    return "\n".join(line for line in lines if line)


def _when(stamp: str) -> str:
    """RFC 3339 to the second."""
    return f"{stamp[:19].replace('T', ' ')} {'UTC' if stamp.endswith('Z') else stamp[-6:]}"
