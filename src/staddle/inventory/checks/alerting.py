"""Alert routing: receivers that have what they need, routes that lead somewhere, and the inventory's own tests of them."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import ValidationError

from staddle.alerting import WATCHDOG
from staddle.alerting.receivers import COMMON, TYPES
from staddle.alerting.routing import who
from staddle.inventory.document import Scalar, Table, plain
from staddle.inventory.parameters.alerting import AlertSetting
from staddle.inventory.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from staddle.alerting import OwnRules
    from staddle.alerting.catalogue import Alert
    from staddle.inventory.draft import Draft
    from staddle.inventory.shape import Setting, Shape

LONGEST_WAIT = 7 * 86_400
_TIMES = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)")


def check(draft: Draft, infra: Sequence[Draft]) -> Iterator[Problem]:  # noqa: ARG001
    """Everything about where alerts go."""
    params = draft.node.params
    if params.alert_receivers and not params.alertmanager_enabled:
        message = "has no effect: alertmanager_enabled is false"
        yield draft.problem("warning", "alert_receivers", message, "alertmanager_enabled: true")
    yield from _receivers(draft)
    yield from _intervals(draft)
    references = list(_references(draft))
    yield from references
    broken = {"alert_receivers", "alert_routes"} & draft.broken
    if not references and not broken:
        yield from _tests(draft)


def check_rules(drafts: Sequence[Draft], shape: Shape, own: OwnRules) -> Iterator[Problem]:
    """What is set about alerts: alerts that there are, thresholds that they may have, one word for all of a cluster."""
    settings = [setting for setting in shape.settings if setting.name == "alert_rules"]
    if not settings:
        return
    # Reading the rules takes a while, which most inventories needn't wait for.
    from staddle.alerting.own import together  # noqa: PLC0415

    alerts = together(own).alerts
    for setting in settings:
        yield from _settings(setting, alerts)
    yield from _clusters(drafts, alerts)


def _settings(setting: Setting, alerts: Mapping[str, Alert]) -> Iterator[Problem]:
    if not isinstance(setting.tree, Table):
        return
    for name, fields in setting.tree.items.items():
        path, key = f"{setting.path}.{name}", setting.tree.keys.get(name)
        alert = alerts.get(name)
        if alert is None:
            near = _nearest_alert(str(name), alerts)
            allowed = None if near else "the alerts that `staddle rules ls` shows"
            yield Problem("error", f"there is no alert {name!r}", key, path, None, allowed, near)
            continue
        try:
            given = AlertSetting.model_validate(plain(fields))
        except ValidationError:
            continue  # it was reported when it was read
        for field, message, allowed in _objections(alert, given):
            entry = fields.items.get(field) if isinstance(fields, Table) else None
            found = str(entry.data) if isinstance(entry, Scalar) else None
            position = (entry.position if entry else None) or key
            yield Problem("error", message, position, f"{path}.{field}", found, allowed)


def _objections(alert: Alert, given: AlertSetting) -> Iterator[tuple[str, str, str | None]]:
    """(field, what is wrong, what is allowed)."""
    from staddle.alerting import units  # noqa: PLC0415

    if alert.name == WATCHDOG:
        for field in sorted(given.model_fields_set):
            message = "can't be changed: who hears nothing of the Watchdog knows that alerting is dead"
            yield {"wait": "for"}.get(field, field), message, None
        return
    if given.wait is not None and given.wait.seconds > LONGEST_WAIT:
        yield "for", "is too long: nobody would be told for more than a week", "0s to 7d"
    if given.threshold is None:
        return
    threshold = alert.threshold
    if threshold is None:
        yield "threshold", f"{alert.name} has no threshold", "for, severity, enabled"
        return
    try:
        value = units.read(given.threshold, threshold.unit)
    except ValueError as error:
        yield "threshold", f"is not {threshold.meaning}", str(error)
        return
    low, high = threshold.low, threshold.high
    if (low is not None and value < low) or (high is not None and value > high):
        limits = [units.shown(limit, threshold.unit) for limit in (low, high) if limit is not None]
        allowed = (
            " to ".join(limits) if len(limits) == 2 else f"{'at least' if high is None else 'at most'} {limits[0]}"
        )
        yield "threshold", f"is out of range for {threshold.meaning}", allowed


def _clusters(drafts: Sequence[Draft], alerts: Mapping[str, Alert]) -> Iterator[Problem]:
    """Of an alert about a cluster as a whole there is one, so its members can't have different ones."""
    for alert in alerts.values():
        first: dict[str, Draft] = {}
        for draft in drafts if alert.scope == "cluster" else ():
            cluster = _cluster(draft, alert.module)
            member = first.setdefault(cluster, draft) if cluster else draft
            rules, others = draft.node.params.alert_rules, member.node.params.alert_rules
            if rules.get(alert.name) != others.get(alert.name):
                message = f"differs from {member.node.ip}, and {alert.name} is about the cluster {cluster} as a whole"
                author = draft if alert.name in rules else member
                yield author.problem("error", f"alert_rules.{alert.name}", message, "one value for the whole cluster")


def _cluster(draft: Draft, module: str) -> str | None:
    """The cluster of a module that a node is in."""
    node = draft.node
    if module == "node":
        return node.cluster
    if module == "infra":
        return "infra" if node.is_infra else None
    cluster = node.extra.get("pg_cluster" if module == "pgsql" else f"{module}_cluster")
    return cluster if isinstance(cluster, str) else None


def _nearest_alert(name: str, alerts: Mapping[str, Alert]) -> str | None:
    folded = {known.lower(): known for known in alerts}
    close = get_close_matches(name.lower().replace("_", ""), folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else None


def _receivers(draft: Draft) -> Iterator[Problem]:
    for name, receiver in sorted(draft.node.params.alert_receivers.items()):
        where, fields = f"alert_receivers.{name}", TYPES[receiver.type]
        for needed in fields.needs:
            if not getattr(receiver, needed):
                yield draft.problem("error", where, f"a receiver of type {receiver.type} needs {needed}", needed)
        for given in sorted(receiver.model_fields_set - COMMON - {*fields.needs, *fields.takes}):
            takes = ", ".join((*fields.needs, *fields.takes))
            message = f"has no meaning for a receiver of type {receiver.type}"
            yield draft.problem("error", f"{where}.{given}", message, takes)
        if receiver.password and not receiver.username:
            yield draft.problem("error", f"{where}.password", "a password without username", "username")


def _intervals(draft: Draft) -> Iterator[Problem]:
    for name, interval in sorted(draft.node.params.alert_intervals.items()):
        for index, times in enumerate(interval.times):
            start, _, end = times.partition("-")
            if not _TIMES.fullmatch(times) or start >= end:
                where = f"alert_intervals.{name}.times[{index}]"
                yield draft.problem(
                    "error", where, "is no time of day", "as in 09:00-17:00, not over midnight", repr(times)
                )


def _references(draft: Draft) -> Iterator[Problem]:
    params = draft.node.params
    receivers, intervals = sorted(params.alert_receivers), sorted(params.alert_intervals)
    named = [
        (f"alert_routes[{i}].receivers", route.receivers, receivers) for i, route in enumerate(params.alert_routes)
    ]
    named += [
        (f"alert_routes[{index}].{kind}", names, intervals)
        for index, route in enumerate(params.alert_routes)
        for kind, names in (("mute", route.mute), ("active", route.active))
    ]
    named += [
        (f"alert_route_tests[{i}].receivers", test.receivers, receivers)
        for i, test in enumerate(params.alert_route_tests)
    ]
    for where, names, known in named:
        for name in names:
            if name not in known:
                what = "receiver" if where.endswith("receivers") else "interval"
                near = next(iter(get_close_matches(name, known, n=1)), None)
                allowed = ", ".join(known) or f"none: the inventory has no {what}"
                yield draft.problem("error", where, f"there is no {what} {name!r}", allowed, nearest=near)


def _tests(draft: Draft) -> Iterator[Problem]:
    params = draft.node.params
    for index, test in enumerate(params.alert_route_tests):
        told, wanted = who(params, test.labels), sorted(set(test.receivers))
        if told != wanted:
            labels = ", ".join(f'{name}="{value}"' for name, value in sorted(test.labels.items()))
            message = (
                f"an alert with {labels} goes to {', '.join(told) or 'nobody'}, not {', '.join(wanted) or 'nobody'}"
            )
            yield draft.problem("error", f"alert_route_tests[{index}]", message, "routes that send it there")
