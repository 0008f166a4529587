"""Alertmanager's configuration from the inventory: who is told about what, and when nobody is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staddle.alerting import WATCHDOG
from staddle.alerting.matching import destinations, matcher
from staddle.alerting.receivers import integration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.inventory.parameters import AlertInterval, AlertRoute, Parameters

NOBODY = "portal-only"
"""The receiver without integrations: its alerts are seen on the portal's Alerts page only."""
HEARTBEAT = "heartbeat"
"""The receiver of the Watchdog: something outside that misses it when it stops."""
TEST_LABEL = "staddle_test"
"""An alert with the name of a receiver there goes to that one only (`staddle alerts test`)."""

INHIBITIONS: tuple[dict[str, Any], ...] = (
    # A host that is down explains whatever else is wrong on it.
    {"source_matchers": ['alertname="NodeDown"'], "target_matchers": ['alertname!="NodeDown"'], "equal": ["ip"]},
    # So does a component for the probes of it, and a log store for the queues of those who send there.
    {
        "source_matchers": ['alertname=~"InfraDown|NginxDown|DnsDown"'],
        "target_matchers": ['alertname="ProbeFailed"'],
        "equal": ["cls", "ip"],
    },
    {
        "source_matchers": ['alertname=~"InfraDown|LogStoreReadOnly"', 'cls="vlogs"'],
        "target_matchers": ['alertname="LogQueueGrowing"'],
    },
    # Of the same trouble (label `family`), the worse message is enough, and that about the cluster as a whole.
    {
        "source_matchers": ['severity="CRIT"', 'family!=""'],
        "target_matchers": ['severity=~"WARN|INFO"'],
        "equal": ["family", "cls", "ins"],
    },
    {
        "source_matchers": ['scope="cluster"', 'family!=""'],
        "target_matchers": ['scope!="cluster"', 'severity=~"WARN|INFO"'],
        "equal": ["family", "cls"],
    },
)


def alertmanager_config(
    params: Parameters, *, secrets: str, bridge: str, templates: str, release: tuple[int, ...]
) -> dict[str, Any]:
    """Everything. `secrets` is the directory of the files that `receivers.secret_files` names, `bridge` the URL of Staddle's
    bridge, `templates` the path of the templates, `release` Alertmanager's version.
    """
    tree = routing_tree(params)
    used = dict.fromkeys(name for names in _used(tree) for name in names)
    built = {
        name: integration(name, params.alert_receivers[name], secrets=secrets, bridge=bridge, release=release)
        for name in sorted(used)
    }
    receivers: list[dict[str, Any]] = []
    for names in sorted({tuple(names) for names in _used(tree)}):
        entry: dict[str, Any] = {"name": _joined(names)}
        for name in names:
            kind, settings = built[name]
            entry.setdefault(kind, []).append(settings)
        receivers.append(entry)
    if params.alert_heartbeat_url:
        beat = {"url_file": f"{secrets}/{HEARTBEAT}.url", "send_resolved": False}
        receivers.append({"name": HEARTBEAT, "webhook_configs": [beat]})
    config: dict[str, Any] = {
        "route": _without_names(tree),
        "inhibit_rules": list(INHIBITIONS),
        "receivers": [{"name": NOBODY}, *(entry for entry in receivers if entry["name"] != NOBODY)],
        "templates": [templates],
    }
    if params.alert_intervals:
        config["time_intervals"] = [
            {"name": name, "time_intervals": [_interval(interval)]}
            for name, interval in sorted(params.alert_intervals.items())
        ]
    return config


def routing_tree(params: Parameters) -> dict[str, Any]:
    """Alertmanager's routes; beside `receiver`, each has the `names` it stands for. What no route takes goes to everybody."""
    beat = {"receiver": HEARTBEAT if params.alert_heartbeat_url else NOBODY, "names": []}
    often = {"group_wait": "0s", "group_interval": "30s", "repeat_interval": "1m"} if params.alert_heartbeat_url else {}
    watchdog = {**beat, "matchers": [f'alertname="{WATCHDOG}"'], **often}
    everybody = sorted(params.alert_receivers)
    return {
        "receiver": NOBODY,
        "names": [],
        "group_by": ["alertname", "cls"],
        "group_wait": "3s",
        "group_interval": "30s",
        "repeat_interval": "4h",
        "routes": [
            watchdog,
            *({"receiver": name, "names": [name], **_is_test(name)} for name in everybody),
            *(_route(route) for route in params.alert_routes),
            # One route each: a receiver that doesn't answer holds up nobody else's message.
            *({"receiver": name, "names": [name], "continue": True} for name in everybody),
        ],
    }


def who(params: Parameters, labels: Mapping[str, str]) -> list[str]:
    """The names of the receivers that are told about an alert with these labels, whatever the time."""
    found = destinations(routing_tree(params), labels)
    return sorted({name for route in found for name in route["names"]})


def _is_test(name: str) -> dict[str, Any]:
    return {"matchers": [matcher(TEST_LABEL, [name])], "group_wait": "0s", "group_interval": "1s"}


def _route(route: AlertRoute) -> dict[str, Any]:
    names = sorted(set(route.receivers))
    built: dict[str, Any] = {"receiver": _joined(names), "names": names}
    conditions = [matcher(label, values) for label, values in sorted(route.match.items())] + route.matchers
    if conditions:
        built["matchers"] = conditions
    if route.go_on:
        built["continue"] = True
    if route.mute:
        built["mute_time_intervals"] = sorted(route.mute)
    if route.active:
        built["active_time_intervals"] = sorted(route.active)
    timing = {key: getattr(route, key) for key in ("group_by", "group_wait", "group_interval", "repeat_interval")}
    return {
        **built,
        **{key: value if isinstance(value, list) else str(value) for key, value in timing.items() if value},
    }


def _joined(names: Iterable[str]) -> str:
    return "+".join(names) or NOBODY


def _used(tree: Mapping[str, Any]) -> list[list[str]]:
    return [route["names"] for route in tree["routes"] if route["names"]]


def _without_names(route: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in route.items() if key != "names"}
    if "routes" in kept:
        kept["routes"] = [_without_names(child) for child in kept["routes"]]
    return kept


def _interval(interval: AlertInterval) -> dict[str, Any]:
    times = [dict(zip(("start_time", "end_time"), text.split("-"), strict=True)) for text in interval.times]
    rest = {key: getattr(interval, key) for key in ("weekdays", "days_of_month", "months", "years")}
    found = {"times": times, **rest}
    return {**{key: value for key, value in found.items() if value}, "location": interval.location}
