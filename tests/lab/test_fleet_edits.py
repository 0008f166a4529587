"""Whatever is edited: what the plan says is what is done, to the letter, and after that there is nothing left to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.lab.fleet import FIRST, OTHER, SECOND, WORKER, Admin

INFRA, REGULAR = (FIRST, SECOND), (WORKER, OTHER)
ALL = INFRA + REGULAR
LEFT = (*INFRA, WORKER)
HOME = {"domain": "i.staddle"}
WIKI = {"domain": "wiki.example", "endpoint": f"{WORKER}:9100"}


@dataclass(frozen=True)
class Edit:
    """One thing that an administrator edits, and which components have to move on which hosts because of it."""

    name: str
    vars: dict[str, Any] = field(default_factory=dict)
    moves: tuple[tuple[tuple[str, ...], str], ...] = ()
    worker: dict[str, Any] | None = None
    without: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()

    def make(self, admin: Admin) -> None:
        admin.vars.update(self.vars)
        for name in self.forget:
            del admin.vars[name]
        if self.worker:
            admin.workers[WORKER].update(self.worker)
        for ip in self.without:
            del admin.workers[ip]


# Edits of one round are made at the same time. Rounds build on each other.
ROUNDS: dict[str, list[Edit]] = {
    "small things": [
        Edit("scrape interval", {"vmetrics_scrape_interval": "11s"}, ((INFRA, "vmetrics"), (INFRA, "vmalert"))),
        Edit("user of the portal", {"nginx_users": {"dba": "nobody-else-knows-1"}}, ((INFRA, "nginx"),)),
        Edit("DNS record", {"dns_records": ["10.10.10.99 printer.example"]}, ((INFRA, "dnsmasq"),)),
        Edit("time zone", {"node_timezone": "Europe/Berlin"}, ((ALL, "timezone"),)),
        Edit("hosts file", {"node_etc_hosts": ["10.10.10.98 scanner.example"]}, ((ALL, "hosts_file"),)),
        Edit(
            "receiver",
            {"alert_receivers": {"pager": {"url": "http://10.10.10.1:9/secret"}}},
            ((INFRA, "alertmanager"),),
        ),
        Edit("key of the administrator", {"node_admin_pk_list": ["ssh-ed25519 AAAA me"]}, ((ALL, "admin_user"),)),
    ],
    "entries, targets and parameters": [
        Edit("portal entry", {"infra_portal": {"home": HOME, "wiki": WIKI}}, ((INFRA, "nginx"), (INFRA, "vmetrics"))),
        Edit(
            "probe",
            {"blackbox_targets": [{"name": "ssh", "module": "tcp_connect", "target": f"{WORKER}:22"}]},
            ((INFRA, "vmetrics"),),
        ),
        Edit("flags of an exporter", {"node_exporter_options": "--collector.processes"}, ((ALL, "node_exporter"),)),
        Edit("kernel parameter", {"node_sysctl_params": {"net.core.somaxconn": "2048"}}, ((ALL, "kernel"),)),
        Edit("sudo", {"node_admin_sudo": "limit"}, ((ALL, "admin_user"),)),
        Edit("open ports", {"node_firewall_public_port": [22, 80, 443, 8443]}, ((ALL, "firewall"),)),
        Edit(
            "time source",
            {"node_ntp_servers": ["server 10.10.10.1 iburst"]},
            ((INFRA, "chronyd"), (REGULAR, "ntp_client")),
        ),
        Edit("name of a node", {}, (((WORKER,), "host_name"), (INFRA, "vmetrics")), worker={"nodename": "renamed"}),
    ],
    "ports and switches": [
        Edit("port of an exporter", {"node_exporter_port": 9110}, ((LEFT, "node_exporter"), (INFRA, "vmetrics"))),
        Edit("port of the prober", {"blackbox_port": 9116}, ((INFRA, "blackbox"), (INFRA, "vmetrics"))),
        Edit("HTTPS only", {"nginx_sslmode": "enforce"}, ((INFRA, "nginx"),)),
        Edit("no rule engine", {"vmalert_enabled": False}, ((INFRA, "vmalert"), (INFRA, "vmetrics"), (INFRA, "nginx"))),
        Edit("name servers left alone", {"node_dns_method": "none"}, ((LEFT, "resolver"),)),
        Edit("a node less", {}, ((INFRA, "vmetrics"),), without=(OTHER,)),
        Edit("no receiver", {}, ((INFRA, "alertmanager"),), forget=("alert_receivers",)),
    ],
    "back again, and more": [
        Edit(
            "open, without HTTPS",
            {"infra_expose": "intranet", "nginx_sslmode": "disable"},
            ((INFRA, "nginx"), (INFRA, "vmetrics"), (LEFT, "node_exporter")),
        ),
        Edit("rule engine", {"vmalert_enabled": True}, ((INFRA, "vmalert"), (INFRA, "vmetrics"), (INFRA, "nginx"))),
        Edit("port of the router", {"alertmanager_port": 9060}, ((INFRA, "alertmanager"), (INFRA, "vmalert"))),
        Edit("no firewall", {"node_firewall_mode": "none"}, ((LEFT, "firewall"),)),
        Edit("no portal entry", {"infra_portal": {"home": HOME}}, ((INFRA, "nginx"),)),
        Edit("no prober", {"blackbox_enabled": False}, ((INFRA, "blackbox"), (INFRA, "vmetrics"))),
    ],
}


def test_there_are_enough_edits() -> None:
    assert sum(map(len, ROUNDS.values())) >= 20


@pytest.mark.parametrize("name", ROUNDS)
def test_whatever_is_edited_the_plan_is_what_is_done(admin: Admin, name: str) -> None:
    if name == next(iter(ROUNDS)):
        admin.settle()
    for edit in ROUNDS[name]:
        edit.make(admin)
    admin.write()
    moved = {(ip, component) for ip, component, *_ in admin.apply_as_planned()}
    for edit in ROUNDS[name]:
        assert {(ip, component) for ips, component in edit.moves for ip in ips} <= moved, edit.name
    admin.run("plan", exits=0)


def test_all_of_it_taken_back_at_once(admin: Admin) -> None:
    admin.edit()
    moved = {(ip, component) for ip, component, *_ in admin.apply_as_planned()}
    assert {(OTHER, "node_exporter"), (FIRST, "vmalert"), (SECOND, "blackbox"), (WORKER, "host_name")} <= moved
    admin.run("plan", exits=0)
