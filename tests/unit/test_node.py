"""What makes a host a node: each part says what it wants, and each can be switched off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import compiled, fleet_of, material_for
from tests.unit.systems import TRIXIE

from staddle.compile import compile_fleet
from staddle.drive.system import system_layout
from staddle.manifest.resources import File, Section, Symlink

if TYPE_CHECKING:
    from staddle.drive.facts import HostFacts
    from staddle.manifest.resources import Block

FLEET = """\
all:
  children:
    infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }} }} }}
    nodes: {{ hosts: {{ 10.0.0.2: {{ {host} }} }} }}
  vars: {{ admin_ip: 10.0.0.1 }}
"""


def blocks(host: str = "nodename: worker", facts: HostFacts = TRIXIE, ip: str = "10.0.0.2") -> dict[str, Block]:
    fleet = fleet_of(FLEET.format(host=host))
    manifest = compile_fleet(fleet, lambda _: system_layout(facts), material_for(fleet))[ip]
    return {block.component: block for block in manifest.blocks}


def text(block: Block, path: str) -> str:
    [resource] = [r for r in block.resources if isinstance(r, File | Section) and r.path == path]
    return resource.content.decode()


@pytest.mark.parametrize(
    ("component", "off"),
    [
        ("host_name", "nodename: worker, nodename_overwrite: false"),
        ("host_name", "node_cluster: c"),
        ("hosts_file", "node_write_etc_hosts: false"),
        ("resolver", "node_dns_method: none"),
        ("timezone", "nodename: worker"),
        ("kernel", "node_sysctl_params: {}"),
        ("admin_user", "node_admin_enabled: false"),
        ("firewall", "node_firewall_mode: none"),
        ("ntp_client", "node_ntp_enabled: false"),
        ("node_exporter", "node_exporter_enabled: false"),
    ],
)
def test_each_part_can_be_switched_off(component: str, off: str) -> None:
    assert component in blocks("nodename: worker, node_timezone: Europe/Lisbon")
    assert component not in blocks(off)


def test_a_sandbox_has_none_of_it() -> None:
    assert {block.component for block in compiled()["127.0.0.1"].blocks}.isdisjoint(
        {
            "host_name",
            "hosts_file",
            "resolver",
            "timezone",
            "kernel",
            "admin_user",
            "firewall",
            "ca_trust",
            "ntp_client",
        }
    )


def test_a_name_comes_from_the_inventory_or_from_postgresql_and_from_nothing_else() -> None:
    assert text(blocks()["host_name"], "/etc/hostname") == "worker\n"
    assert text(blocks("pg_cluster: pg-a, pg_seq: 2")["host_name"], "/etc/hostname") == "pg-a-2\n"
    assert "host_name" not in blocks("pg_cluster: pg-a, pg_seq: 2, node_id_from_pg: false")
    assert "host_name" not in blocks(ip="10.0.0.1")


def test_the_hosts_file_gets_the_portal_own_lines_and_the_others_if_asked_for() -> None:
    lines = text(blocks("nodename: w, node_etc_hosts: [10.0.0.9 nine]")["hosts_file"], "/etc/hosts").splitlines()
    assert lines == ["10.0.0.1 i.staddle", "10.0.0.9 nine"]
    assert "10.0.0.2 w" in text(blocks("nodename: w, nodename_exchange: true")["hosts_file"], "/etc/hosts")


@pytest.mark.parametrize(
    ("method", "before", "after"),
    [
        ("add", (), ["10.0.0.1"]),
        ("add", ("192.0.2.1", "10.0.0.1"), ["10.0.0.1", "192.0.2.1"]),
        ("add", ("192.0.2.1", "192.0.2.2", "192.0.2.3"), ["10.0.0.1", "192.0.2.1", "192.0.2.2"]),
        ("overwrite", ("192.0.2.1",), ["10.0.0.1"]),
    ],
)
def test_name_servers_are_put_first_or_instead(method: str, before: tuple[str, ...], after: list[str]) -> None:
    facts = replace(TRIXIE, nameservers=before, search=("corp.example",))
    lines = text(blocks(f"node_dns_method: {method}", facts)["resolver"], "/etc/resolv.conf").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("nameserver")] == after
    assert "search corp.example" in lines
    # What was written is what is found the next time, and nothing changes.
    again = replace(facts, nameservers=tuple(after))
    assert text(blocks(f"node_dns_method: {method}", again)["resolver"], "/etc/resolv.conf").splitlines() == lines


def test_what_manages_resolv_conf_already_is_told_instead() -> None:
    resolved = blocks(facts=replace(TRIXIE, features=frozenset({"systemd-resolved"})))["resolver"]
    assert "DNS=10.0.0.1\n" in text(resolved, "/etc/systemd/resolved.conf.d/50-staddle.conf")
    manager = blocks(facts=replace(TRIXIE, features=frozenset({"networkmanager"})))["resolver"]
    assert "servers=10.0.0.1,192.0.2.53\n" in text(manager, "/etc/NetworkManager/conf.d/50-staddle.conf")
    for block in (resolved, manager):
        assert "/etc/resolv.conf" not in {resource.path for resource in block.resources}
        assert [command.undo for command in block.commands] == [block.commands[0].argv]


def test_a_server_that_is_switched_off_is_asked_nothing() -> None:
    text_off = FLEET.format(host="").replace("admin_ip: 10.0.0.1", "admin_ip: 10.0.0.1, dns_enabled: false")
    fleet = fleet_of(text_off)
    manifest = compile_fleet(fleet, lambda _: system_layout(TRIXIE), material_for(fleet))["10.0.0.2"]
    [block] = [block for block in manifest.blocks if block.component == "resolver"]
    assert not block.resources


def test_clocks_of_nodes_ask_the_infra_nodes_and_serve_nobody() -> None:
    config = text(blocks()["ntp_client"], "/etc/chrony/chrony.conf").splitlines()
    assert "server 10.0.0.1 port 123 iburst" in config
    assert "allow 127.0.0.1" in config
    assert "allow all" not in config
    server = text(blocks(ip="10.0.0.1")["chronyd"], "/etc/chrony/chrony.conf").splitlines()
    assert "pool pool.ntp.org iburst" in server
    assert "allow all" in server


def test_a_host_that_may_not_set_its_clock_is_not_asked_to() -> None:
    facts = replace(TRIXIE, clock=False)
    block = blocks(facts=facts)["ntp_client"]
    assert " -x " in text(block, "/etc/default/chrony")
    assert "makestep" not in text(block, "/etc/chrony/chrony.conf")
    assert "ConditionCapability=\n" in text(block, "/etc/systemd/system/chrony.service.d/50-staddle.conf")


def test_the_firewall_lets_in_the_intranet_public_ports_and_always_us() -> None:
    host = "ansible_port: 2222, node_firewall_public_port: [443], node_firewall_intranet: [10.0.0.0/8, 'fd00::/8']"
    rules = text(blocks(host)["firewall"], "/etc/staddle/firewall.nft")
    assert "policy drop;" in rules
    assert "tcp dport { 443, 2222 } accept" in rules
    assert "ip saddr { 10.0.0.0/8 } accept" in rules
    assert "ip6 saddr { fd00::/8 } accept" in rules


def test_a_firewall_that_is_at_work_is_told_and_not_joined_by_another() -> None:
    for feature, call in (("ufw-active", "ufw allow 22/tcp"), ("firewalld-active", "--zone=public --add-port=22/tcp")):
        facts = replace(TRIXIE, features=frozenset({feature}))
        assert call in text(blocks(facts=facts)["firewall"], "/etc/staddle/firewall.sh")
    off = blocks("node_firewall_mode: off")["firewall"]
    assert not off.resources
    assert not off.packages


def test_the_administrator_is_who_the_inventory_says() -> None:
    block = blocks("node_admin_username: joe, node_admin_sudo: all, node_admin_pk_list: [ssh-ed25519 AAAA me]")[
        "admin_user"
    ]
    assert text(block, "/etc/sudoers.d/50-staddle-joe").splitlines()[1] == "joe ALL=(ALL:ALL) ALL"
    assert text(block, "/home/joe/.ssh/authorized_keys") == "ssh-ed25519 AAAA me\n"
    none = blocks("node_admin_sudo: none")["admin_user"]
    assert not none.packages
    assert not [resource for resource in none.resources if "sudoers" in resource.path]


def test_the_prober_may_ping_without_a_capability() -> None:
    assert "net.ipv4.ping_group_range" in text(blocks(ip="10.0.0.1")["kernel"], "/etc/sysctl.d/60-staddle.conf")
    assert "ping_group_range" not in text(blocks()["kernel"], "/etc/sysctl.d/60-staddle.conf")


def test_the_time_zone_must_be_one() -> None:
    block = blocks("node_timezone: Europe/Lisbon")["timezone"]
    assert Symlink("/etc/localtime", "/usr/share/zoneinfo/Europe/Lisbon") in block.resources
    assert block.validators[0].argv[-1] == "/usr/share/zoneinfo/Europe/Lisbon"


def test_logs_are_not_sent_where_no_store_can_run() -> None:
    assert not [b for b in blocks().values() if b.component == "log_agent" and b.service]
    assert "vlogs" not in blocks(ip="10.0.0.1")
