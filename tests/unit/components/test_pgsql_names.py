"""The names of PostgreSQL clusters in DNS, and the ping of their VIPs: on every INFRA node, as the inventory has the roles."""

from __future__ import annotations

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


def names(variables: str = "", *, failed_over: bool = False, infra: str = "10.0.0.1") -> dict[str, str]:
    """Name → address, as an INFRA node's name server has them, without what isn't PostgreSQL's."""
    roles = ("replica", "primary") if failed_over else ("primary", "replica")
    text = FLEET.replace("SECOND_FIRST", roles[0]).replace("FIRST_SECOND", roles[1]).replace("VARS", variables)
    found: dict[str, str] = {}
    for path, file in files_of(compiled(text, kind="system")[infra]).items():
        if path.startswith("/data/infra/hosts/") and not path.endswith("/default"):
            for line in file.content.decode().splitlines()[1:]:
                address, *listed = line.split()
                found |= dict.fromkeys(listed, address)
    return found


@pytest.mark.parametrize("infra", ["10.0.0.1", "10.0.0.2"])
def test_instances_and_clusters_have_names_on_every_infra_node(infra: str) -> None:
    known = {"db-1": "10.0.0.3", "db-2": "10.0.0.4", "db": "10.0.0.3", "u-1": "10.0.0.5"}
    assert names(infra=infra) == known  # who the primary of u is isn't known


@pytest.mark.parametrize(
    ("variables", "name", "address"),
    [
        ("", "db", "10.0.0.3"),
        ("pg_dns_suffix: .pg", "db.pg", "10.0.0.3"),
        (VIP, "db", "10.0.0.100"),
        (f"{VIP}, pg_dns_target: vip", "db", "10.0.0.100"),
        (f"{VIP}, pg_dns_target: primary", "db", "10.0.0.3"),
        ("pg_dns_target: 10.9.9.9", "db", "10.9.9.9"),
        ("pg_dns_target: none", "db", None),
    ],
)
def test_a_cluster_is_found_where_the_inventory_says(variables: str, name: str, address: str | None) -> None:
    assert names(variables).get(name) == address


def test_a_clusters_name_follows_the_role() -> None:
    assert names(failed_over=True)["db"] == "10.0.0.4"


def test_a_vip_is_pinged() -> None:
    text = FLEET.replace("SECOND_FIRST", "primary").replace("FIRST_SECOND", "replica").replace("VARS", VIP)
    file = files_of(compiled(text, kind="system")["10.0.0.2"])["/data/infra/targets/ping/db-vip.yml"]
    (entry,) = yaml.safe_load(file.content)
    assert entry["targets"] == ["10.0.0.100"]
    assert {name: entry["labels"][name] for name in ("cls", "ins", "ip")} == {
        "cls": "db", "ins": "db-vip", "ip": "10.0.0.100",
    }  # fmt: skip
