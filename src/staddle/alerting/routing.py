"""Alertmanager's configuration from the inventory: who is told about what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staddle.alerting.rules import WATCHDOG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.parameters import AlertReceiver

NOBODY = "portal-only"
"""The receiver without integrations: its alerts are seen on the portal's Alerts page only."""


def alertmanager_config(receivers: Mapping[str, AlertReceiver], *, secrets: str) -> dict[str, Any]:
    """Everything goes to every receiver; the Watchdog to none. `secrets` is where each `<name>.url` is kept."""
    names = sorted(receivers)
    routes: list[dict[str, Any]] = [{"receiver": NOBODY, "matchers": [f'alertname="{WATCHDOG}"']}]
    routes += [{"receiver": name, "continue": True} for name in names]
    return {
        "route": {
            "receiver": NOBODY,
            "group_by": ["alertname", "cls"],
            "group_wait": "5s",
            "group_interval": "30s",
            "repeat_interval": "4h",
            "routes": routes,
        },
        "inhibit_rules": [
            {
                # A host that is down explains whatever else is wrong on it.
                "source_matchers": ['alertname="NodeDown"'],
                "target_matchers": ['alertname!="NodeDown"'],
                "equal": ["ip"],
            },
        ],
        "receivers": [{"name": NOBODY}, *(_receiver(name, receivers[name], secrets) for name in names)],
    }


def _receiver(name: str, receiver: AlertReceiver, secrets: str) -> dict[str, Any]:
    webhook = {"url_file": f"{secrets}/{name}.url", "send_resolved": receiver.send_resolved}
    return {"name": name, "webhook_configs": [webhook]}
