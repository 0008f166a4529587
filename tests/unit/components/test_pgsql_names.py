"""The names of PostgreSQL clusters in DNS, and the ping of their VIPs: on every INFRA node.

Names that lead to a primary are `dns_roles`' to follow, which is told where the inventory has it. Others, and all where nobody
follows, are in files of the name server's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.unit.fleets import compiled, files_of

FLEET = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 }, 10.0.0.2: { infra_seq: 2 } } }
    db:
      hosts:
        10.0.0.3: { pg_seq: 1, pg_role: SECOND_FIRST }
        10.0.0.4: { pg_seq: 2, pg_role: FIRST_SECOND }
      vars: { pg_cluster: db, VARS }
    unknown: { hosts: { 10.0.0.5: { pg_seq: 1 } }, vars: { pg_cluster: u } }
"""
VIP = "pg_vip_enabled: true, pg_vip_address: 10.0.0.100/24"


def fleet(variables: str = "", *, failed_over: bool = False, more: str = "") -> str:
    roles = ("replica", "primary") if failed_over else ("primary", "replica")
    text = FLEET.replace("SECOND_FIRST", roles[0]).replace("FIRST_SECOND", roles[1]).replace("VARS", variables)
    return text + more


def names(text: str, infra: str = "10.0.0.1") -> dict[str, str]:
    """Name → address, as files of an INFRA node's name server have them, without what isn't PostgreSQL's."""
    found: dict[str, str] = {}
    for path, file in files_of(compiled(text, kind="system")[infra]).items():
        if path.startswith("/data/infra/hosts/") and not path.endswith("/default"):
            for line in file.content.decode().splitlines()[1:]:
                address, *listed = line.split()
                found |= dict.fromkeys(listed, address)
    return found


def followed(text: str, infra: str = "10.0.0.1") -> dict[str, Any]:
    """What `dns_roles` is told, by cluster."""
    file = files_of(compiled(text, kind="system")[infra]).get("/etc/staddle/dns_roles.json")
    return json.loads(file.content)["clusters"] if file else {}


@pytest.mark.parametrize("infra", ["10.0.0.1", "10.0.0.2"])
def test_instances_and_clusters_have_names_on_every_infra_node(infra: str) -> None:
    assert names(fleet(), infra) == {"db-1": "10.0.0.3", "db-2": "10.0.0.4", "u-1": "10.0.0.5"}
    assert followed(fleet(), infra) == {
        "db": {"name": "db", "members": {"db-1": "10.0.0.3", "db-2": "10.0.0.4"}, "expected": "db-1"},
        "u": {"name": "u", "members": {"u-1": "10.0.0.5"}, "expected": ""},
    }
    configuration = files_of(compiled(fleet(), kind="system")[infra])["/etc/dnsmasq.conf"].content.decode()
    assert "hostsdir=/data/infra/hosts\nhostsdir=/data/infra/primaries\n" in configuration


PRIMARY, FIXED, NOWHERE = "follows the primary", "is the same whoever is primary", "has no name"


@pytest.mark.parametrize(
    ("variables", "name", "kind", "address"),
    [
        ("", "db", PRIMARY, "10.0.0.3"),
        ("pg_dns_suffix: .pg", "db.pg", PRIMARY, "10.0.0.3"),
        (VIP, "db", FIXED, "10.0.0.100"),
        (f"{VIP}, pg_dns_target: vip", "db", FIXED, "10.0.0.100"),
        (f"{VIP}, pg_dns_target: primary", "db", PRIMARY, "10.0.0.3"),
        ("pg_dns_target: 10.9.9.9", "db", FIXED, "10.9.9.9"),
        ("pg_dns_target: none", "db", NOWHERE, None),
    ],
)
def test_a_cluster_is_found_where_the_inventory_says(variables: str, name: str, kind: str, address: str | None) -> None:
    text = fleet(variables)
    assert names(text).get(name) == (address if kind == FIXED else None)
    told = followed(text).get("db")
    assert (told is not None) == (kind == PRIMARY)
    if told:
        assert (told["name"], told["members"][told["expected"]]) == (name, address)


def test_the_inventorys_role_is_what_a_name_begins_with() -> None:
    assert followed(fleet(failed_over=True))["db"]["expected"] == "db-2"


@pytest.mark.parametrize("switch", ["dns_roles_enabled", "vmetrics_enabled"])
def test_where_nobody_follows_names_lead_where_the_inventory_says(switch: str) -> None:
    text = fleet(failed_over=True, more=f"  vars: {{ {switch}: false }}\n")
    assert followed(text) == {}
    assert names(text) == {"db-1": "10.0.0.3", "db-2": "10.0.0.4", "u-1": "10.0.0.5", "db": "10.0.0.4"}


def test_a_name_may_lead_to_an_instance_that_is_watched_from_afar_if_its_address_is_known() -> None:
    remote = (
        "{ 9700: { pg_cluster: db, pg_seq: 3, pg_host: 10.0.9.9 }, 9701: { pg_cluster: db, pg_seq: 4, pg_host: rds } }"
    )
    text = fleet(more="  vars: { pg_monitor_password: x }\n").replace(
        "10.0.0.2: { infra_seq: 2 }", f"10.0.0.2: {{ infra_seq: 2, pg_exporters: {remote} }}"
    )
    members = {"db-1": "10.0.0.3", "db-2": "10.0.0.4", "db-3": "10.0.9.9"}
    assert followed(text)["db"]["members"] == members


def test_a_fleet_without_names_to_follow_has_nobody_who_follows() -> None:
    text = fleet("pg_dns_target: none").replace("pg_cluster: u }", "pg_cluster: u, pg_dns_target: 10.9.9.9 }")
    files = files_of(compiled(text, kind="system")["10.0.0.1"])
    assert not [path for path in files if "dns_roles" in path]
    assert b"primaries" not in files["/etc/dnsmasq.conf"].content


def test_a_vip_is_pinged() -> None:
    file = files_of(compiled(fleet(VIP), kind="system")["10.0.0.2"])["/data/infra/targets/ping/db-vip.yml"]
    (entry,) = yaml.safe_load(file.content)
    assert entry["targets"] == ["10.0.0.100"]
    assert {name: entry["labels"][name] for name in ("cls", "ins", "ip")} == {
        "cls": "db", "ins": "db-vip", "ip": "10.0.0.100",
    }  # fmt: skip
