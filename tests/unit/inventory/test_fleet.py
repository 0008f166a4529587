"""What a valid inventory means: which value wins, what nodes are called, what placeholders become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from staddle.errors import InventoryError
from staddle.inventory import Loaded, Node, parse_inventory
from staddle.inventory.identity import alerts_domain, external_url, home_domain, metrics_domain

CASES = Path(__file__).parent / "cases"


def good(name: str) -> dict[str, Node]:
    loaded = parse_inventory((CASES / f"{name}.good.yml").read_text("utf-8"), name, strict=True)
    return {node.ip: node for node in loaded.fleet.nodes}


def fleet(variables: str = "", groups: str = "", **options: Any) -> Loaded:
    """One INFRA node, with global variables (indented by four) and further groups (likewise)."""
    text = "all:\n  children:\n    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }\n" + groups
    return parse_inventory(text + ("\n  vars:\n" + variables if variables else ""), **options)


def one(variables: str = "", **options: Any) -> Node:
    return fleet(variables, **options).fleet.nodes[0]


# ---------------------------------------------------------------- which value wins


def test_yaml_is_read_as_ansible_reads_it() -> None:
    nodes = good("yaml")
    assert list(nodes) == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
    params = nodes["10.0.0.4"].params
    assert (params.nginx_enabled, params.dns_enabled, params.nginx_port) == (True, False, 8080)
    assert params.node_firewall_mode == "off"
    assert params.node_tune == "olap", "a key of its own wins over a merged one"


def test_groups_nest_add_up_and_expand() -> None:
    nodes = good("shape")
    assert list(nodes) == ["10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.1.1", "10.0.1.2", "10.0.1.3"]
    assert nodes["10.0.0.2"].params.node_tune == "oltp", "inherited from the parent"
    assert nodes["10.0.1.2"].params.node_tune == "olap", "the deeper group wins over its parent"
    assert nodes["10.0.1.2"].params.node_timezone == "Asia/Tokyo", "a group in two places is one group"
    assert nodes["10.0.1.2"].groups == ("databases", "night", "reports")
    assert nodes["10.0.0.9"].groups == ()


LAYERS = """
all:
  children:
    infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }} }} }}
    a: {{ vars: {{ {a} }}, hosts: {{ 10.0.0.2: }} }}
    b: {{ vars: {{ {b} }}, hosts: {{ 10.0.0.2: {{ {host} }} }} }}
  vars: {{ {all} }}
"""


@pytest.mark.parametrize(
    ("layers", "winner"),
    [
        ({}, "oltp"),
        ({"defaults": "crit"}, "crit"),
        ({"defaults": "crit", "all": "tiny"}, "tiny"),
        ({"all": "tiny", "a": "olap"}, "olap"),
        ({"a": "olap", "b": "crit"}, "crit"),
        ({"a": "olap, ansible_group_priority: 9", "b": "crit"}, "olap"),
        ({"all": "tiny", "a": "olap", "b": "crit", "host": "none"}, "none"),
    ],
    ids=["default", "caller", "all", "group", "later name", "priority", "host"],
)
def test_the_layer_closest_to_the_host_wins(layers: dict[str, str], winner: str) -> None:
    given = {name: f"node_tune: {layers[name]}" if name in layers else "" for name in ("all", "a", "b", "host")}
    defaults = {"node_tune": layers["defaults"]} if "defaults" in layers else {}
    loaded = parse_inventory(LAYERS.format(**given), defaults=defaults)
    assert loaded.fleet.node("10.0.0.2").params.node_tune == winner


def test_the_variables_of_a_host_in_several_groups_add_up() -> None:
    loaded = fleet(
        groups="    a: { hosts: { 10.0.0.1: { nodename: x } } }\n    b: { hosts: { 10.0.0.1: { pg_mode: x } } }"
    )
    node = loaded.fleet.nodes[0]
    assert (node.name, node.params.infra_seq, node.extra) == ("x", 1, {"pg_mode": "x"})


def test_defaults_of_the_caller_are_validated_like_the_file() -> None:
    with pytest.raises(InventoryError) as caught:
        one(defaults={"nginx_port": 0, "nginx_prot": 1})
    assert {problem.path for problem in caught.value.problems} == {"defaults.nginx_port", "defaults.nginx_prot"}
    assert one(defaults={"nginx_port": 8080}).params.repo_endpoint == "http://10.0.0.1:8080"


def test_other_modules_and_connections_are_carried_along() -> None:
    node = good("names")["10.0.0.1"]
    assert node.connection == {"ansible_host": "admin.example.com"}
    assert node.extra == {
        "pg_users": [{"name": "a"}], "redis_max_memory": "1GB", "docker_enabled": True,
        "code_data": "/data/code", "app": "wiki",
    }  # fmt: skip


# ---------------------------------------------------------------- identity


def test_names_and_clusters_follow_the_first_rule_that_applies() -> None:
    assert {ip: (node.name, node.cluster) for ip, node in good("identity").items()} == {
        "10.0.0.1": ("infra-1", "infra"),
        "10.0.0.2": ("pg-meta-1", "pg-meta"),
        "10.0.0.3": ("chosen", "pg-meta"),
        "10.0.0.4": ("10.0.0.4", "nodes"),
        "10.0.0.5": ("10.0.0.5", "web"),
    }


def test_a_node_can_refuse_to_be_named_after_its_database() -> None:
    node = one("    pg_cluster: pg-meta\n    pg_seq: 1\n    node_id_from_pg: false")
    assert (node.name, node.cluster) == ("infra-1", "infra")


@pytest.mark.parametrize(
    ("text", "admin_ip"),
    [
        (
            "all: { children: { infra: { hosts: { 10.0.0.2: { infra_seq: 1 }, 10.0.0.1: { infra_seq: 2 } } } } }",
            "10.0.0.2",
        ),
        ("all: { hosts: { 10.0.0.9: , 10.0.0.8: } }", "10.0.0.8"),
        ("all: { hosts: { 10.0.0.9: }, vars: { admin_ip: 10.0.0.7 } }", "10.0.0.7"),
    ],
    ids=["first INFRA node", "slim: first node", "slim: as set"],
)
def test_admin_ip_has_a_sensible_default(text: str, admin_ip: str) -> None:
    loaded = parse_inventory(text)
    assert loaded.fleet.admin_ip == admin_ip
    assert all(node.params.admin_ip == admin_ip for node in loaded.fleet.nodes)


def test_infra_nodes_are_ordered_by_number_and_nodes_by_address() -> None:
    text = "all: { children: { infra: { hosts: { 10.0.0.10: { infra_seq: 1 }, 10.0.0.9: { infra_seq: 2 } } } } }"
    loaded = parse_inventory(text)
    assert [node.ip for node in loaded.fleet.nodes] == ["10.0.0.9", "10.0.0.10"]
    assert [node.infra_seq for node in loaded.fleet.infra] == [1, 2]


@pytest.mark.parametrize(
    ("home", "metrics", "alerts"),
    [
        ("i.staddle", "p.staddle", "a.staddle"),
        ("i.db.example.com", "p.db.example.com", "a.db.example.com"),
        ("db.example.com", "p.db.example.com", "a.db.example.com"),
        ("i", "p.i", "a.i"),
    ],
)
def test_domains_are_derived_from_the_home_domain(home: str, metrics: str, alerts: str) -> None:
    node = one(f"    infra_portal: {{ home: {{ domain: {home} }} }}")
    assert (home_domain(node.params), metrics_domain(node.params), alerts_domain(node.params)) == (
        home,
        metrics,
        alerts,
    )
    assert node.params.dns_records == [f"10.0.0.1 {home}", f"10.0.0.1 {metrics} {alerts}"]
    assert node.params.node_default_etc_hosts == [f"10.0.0.1 {home}"]


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ("", "https://i.staddle"),
        ("    nginx_ssl_port: 8443", "https://i.staddle:8443"),
        ("    nginx_sslmode: disable", "http://i.staddle"),
        ("    nginx_sslmode: disable\n    nginx_port: 8080", "http://i.staddle:8080"),
        ("    portal_url: https://example.com/", "https://example.com"),
    ],
)
def test_the_portal_knows_its_external_url(variables: str, url: str) -> None:
    assert external_url(one(variables).params) == url


# ---------------------------------------------------------------- placeholders


def test_placeholders_are_resolved_once_at_any_depth() -> None:
    nodes = good("placeholders")
    params = nodes["10.0.0.1"].params
    wiki = params.infra_portal["wiki"]
    assert (wiki.domain, wiki.endpoint) == ("wiki.db.example.com", "10.0.0.1:9002")
    assert wiki.config == "set $x ${host}; # 10.0.0.1", "nginx keeps its own variables"
    assert params.repo_packages == ["pg18-core"]
    assert nodes["10.0.0.2"].params.repo_packages == ["pg16-core"], "the value of the host's own group"
    assert params.repo_upstream is not None
    assert params.repo_upstream[0].baseurl["default"] == "http://10.0.0.1/${distro_codename} main"
    assert params.node_aliases == {"h": "cd ${HOME}"}
    assert params.node_crontab == ["* * * * * root echo {{ literally }}"]
    assert params.grafana_pgurl is not None
    assert params.grafana_pgurl.get_secret_value() == "postgres://grafana:s3cr3t${x}@10.0.0.1:5432/grafana"
    assert params.infra_services[-1].url == "/staddle/"


def test_no_placeholder_is_left_in_a_default() -> None:
    params = one().params
    left = {name for name, value in params if "${" in str(value)}
    assert left == {"cache_pkg_name"}, "its ${os} and ${arch} are those of the target"
    assert params.cache_pkg_name == f"staddle-pkg-{params.version}.${{os}}.${{arch}}.pyz"


# ---------------------------------------------------------------- positions


PLACES = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
  vars:
    nginx_port: 80
    infra_portal:
      home: { domain: i.staddle }
      wiki:
        domain: w.staddle
        endpoint: "10.0.0.1:81"
        config: |
          gzip on;
    pg_users: [{ name: a }]
    dns_records:
      - 10.0.0.1 i.staddle
      - 10.0.0.1 w.staddle
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("nginx_port", "x.yml:5:17"),
        ("infra_portal.home.domain", "x.yml:7:23"),
        ("infra_portal.wiki.config", "x.yml:11:17"),
        ("infra_portal.wiki.scheme", "x.yml:9:9"),
        ("pg_users[0].name", "x.yml:13:24"),
        ("dns_records[1]", "x.yml:16:9"),
        ("dns_records[7]", "x.yml:15:7"),
        ("infra_seq", "x.yml:3:46"),
        ("vmetrics_port", None),
        ("nonsense", None),
    ],
)
def test_every_value_knows_where_it_was_set(path: str, place: str | None) -> None:
    where = parse_inventory(PLACES, "x.yml").fleet.nodes[0].where(path)
    assert (str(where) if where else None) == place


def test_positions_can_be_listed() -> None:
    node = one('    infra_portal:\n      home: { domain: i.staddle }\n      "x.y": { domain: x.y, path: /www/x }')
    assert {"infra_seq", "infra_portal.home.domain", "infra_portal.x.y.path"} <= set(node.positions)
    assert str(node.positions["infra_portal.x.y.path"]) == "inventory:8:35"
    assert len(node.positions) == len(list(node.positions))


# ---------------------------------------------------------------- one report


def test_the_same_mistake_is_reported_once_however_many_hosts_have_it() -> None:
    with pytest.raises(InventoryError) as caught:
        fleet(
            '    nginx_prot: 1\n    vmalert_port: 9100\n    node_etc_hosts: ["${admin_ip}"]',
            "    web: { hosts: { '10.0.1.[1:50]': } }",
        )
    assert [problem.path.removeprefix("all.vars.") for problem in caught.value.problems] == [
        "nginx_prot", "vmalert_port", "node_etc_hosts[0]",
    ]  # fmt: skip


def test_a_value_that_never_wins_is_checked_all_the_same() -> None:
    with pytest.raises(InventoryError) as caught:
        fleet("    node_tune: [x]", '    empty: { vars: { node_etc_hosts: ["${admin_ip}"], nginx_port: 0 } }')
    assert len(caught.value.problems) == 3


def test_warnings_become_errors_when_strict() -> None:
    assert [problem.severity for problem in fleet("    company: Example").warnings] == ["warning"]
    with pytest.raises(InventoryError):
        fleet("    company: Example", strict=True)
