"""Alert routing: receivers that have what they need, routes that lead somewhere, and the inventory's own tests of them."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from staddle.alerting.receivers import COMMON, TYPES
from staddle.alerting.routing import who

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.inventory.draft import Draft
    from staddle.inventory.problems import Problem

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
