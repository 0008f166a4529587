"""Lengths of time, probes, log destinations, floating addresses: values that depend on each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.inventory.parameters import Duration
from staddle.inventory.parameters.values import is_ip, is_port
from staddle.inventory.secrets import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.inventory.draft import Draft
    from staddle.inventory.parameters import ProbeTarget
    from staddle.inventory.problems import Problem

_SHORTEST = {
    "cert_validity": Duration("1d"),
    "nginx_cert_validity": Duration("1d"),
    "vmetrics_scrape_interval": Duration("1s"),
    "vmetrics_scrape_timeout": Duration("100ms"),
    "haproxy_client_timeout": Duration("1s"),
    "haproxy_server_timeout": Duration("1s"),
}
_BROWSER_LIMIT = Duration("398d")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def check(draft: Draft, infra: Sequence[Draft]) -> Iterator[Problem]:  # noqa: ARG001
    """Everything on one node that the portal and the ports have nothing to do with."""
    yield from _durations(draft)
    yield from _alerting(draft)
    yield from _probes(draft)
    yield from _logs(draft)
    yield from _vip(draft)
    yield from _packages(draft)


def _durations(draft: Draft) -> Iterator[Problem]:
    params = draft.node.params
    for name, shortest in _SHORTEST.items():
        value: Duration = getattr(params, name)
        if value.seconds < shortest.seconds:
            yield draft.problem("error", name, "is too short", f"at least {shortest}", repr(str(value)))
    if params.nginx_cert_validity.seconds > _BROWSER_LIMIT.seconds:
        found = repr(str(params.nginx_cert_validity))
        yield draft.problem(
            "warning", "nginx_cert_validity", "is refused by browsers", f"at most {_BROWSER_LIMIT}", found
        )
    if params.vmetrics_scrape_timeout.seconds > params.vmetrics_scrape_interval.seconds:
        name = "vmetrics_scrape_timeout" if draft.is_set("vmetrics_scrape_timeout") else "vmetrics_scrape_interval"
        message = "the scrape timeout is longer than the scrape interval"
        yield draft.problem("error", name, message, "vmetrics_scrape_timeout <= vmetrics_scrape_interval")


def _alerting(draft: Draft) -> Iterator[Problem]:
    params = draft.node.params
    if draft.is_set("vmalert_enabled") and params.vmalert_enabled and not params.vmetrics_enabled:
        message = "has no effect: the rule engine needs the metrics store"
        yield draft.problem("warning", "vmalert_enabled", message, "vmetrics_enabled: true")


def _probes(draft: Draft) -> Iterator[Problem]:
    names: set[str] = set()
    for index, target in enumerate(draft.node.params.blackbox_targets):
        where = f"blackbox_targets[{index}]"
        if target.name in names:
            yield draft.problem("error", f"{where}.name", f"probe {target.name!r} is listed twice", "a name of its own")
        names.add(target.name)
        if allowed := _wrong_target(target):
            message = f"can't be probed with module {target.module}"
            yield draft.problem("error", f"{where}.target", message, allowed, shown(target.target, secret=False))


def _wrong_target(target: ProbeTarget) -> str | None:
    """What the module asks for, if the target is something else."""
    text = target.target
    if target.module.startswith("http"):
        return None if re.fullmatch(r"https?://[^\s/]+\S*", text) else "a URL that starts with http:// or https://"
    host, colon, port = text.rpartition(":")
    if target.module == "icmp":
        return None if is_ip(text) or _HOST.fullmatch(text) else "an address or host name without a port"
    bare = host.removeprefix("[").removesuffix("]")
    if colon and is_port(port) and (_HOST.fullmatch(host) or (bare != host and is_ip(bare))):
        return None
    if target.module == "dns" and (is_ip(text) or _HOST.fullmatch(text)):
        return None
    return "host:port"


def _logs(draft: Draft) -> Iterator[Problem]:
    for index, endpoint in enumerate(draft.node.params.vector_log_endpoint):
        if endpoint != "infra" and not endpoint.startswith(("http://", "https://")):
            where = f"vector_log_endpoint[{index}]"
            yield draft.problem(
                "error", where, "is neither 'infra' nor a URL", "infra, or http(s)://…", shown(endpoint, secret=False)
            )


def _vip(draft: Draft) -> Iterator[Problem]:
    params = draft.node.params
    if not params.vip_enabled:
        return
    for name in ("vip_address", "vip_vrid"):
        if not getattr(params, name) and name not in draft.broken:
            yield draft.problem("error", "vip_enabled", f"a floating address needs {name}", f"{name} in the same group")


def _packages(draft: Draft) -> Iterator[Problem]:
    for index, source in enumerate(draft.node.params.repo_upstream or ()):
        if "default" not in source.baseurl:
            where = f"repo_upstream[{index}]"
            yield draft.problem("error", where, "has no default URL", "baseurl: { default: URL }", repr(source.name))
