"""Grafana's files, held against its documented configuration and provisioning schemas. It can't be run here."""

from __future__ import annotations

import configparser
import json
import re
from typing import Any

import pytest
import yaml
from tests.unit.components.grafana_case import FLEET, rendered
from tests.unit.fleets import compiled, contexts, files_of, fleet_of, layout_for, material_for

from staddle.compile import contexts_of
from staddle.dashboards import shipped

SOURCES = "/etc/grafana/provisioning/datasources/staddle.yml"
PROVIDERS = "/etc/grafana/provisioning/dashboards/staddle.yml"
DOCUMENTED = {
    "name",
    "uid",
    "type",
    "orgId",
    "access",
    "url",
    "user",
    "isDefault",
    "editable",
    "jsonData",
    "secureJsonData",
}
"""Keys of a data source that are set here, all of which Grafana's documentation of provisioning lists."""


def sources(extra: str = "", ip: str = "10.0.0.1") -> dict[str, dict[str, Any]]:
    data = yaml.safe_load(rendered(extra, ip)[SOURCES])
    assert data["apiVersion"] == 1
    assert data["prune"] is True
    return {source["uid"]: source for source in data["datasources"]}


def ini(extra: str = "") -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(rendered(extra)["/etc/grafana/grafana.ini"])
    return parser


@pytest.mark.parametrize("ip", ["10.0.0.1", "10.0.0.2"])
def test_every_grafana_knows_its_own_stores_those_of_all_infra_nodes_and_every_database(ip: str) -> None:
    found = sources(ip=ip)
    own, all_nodes = (
        ["vmetrics", "vlogs", "vtraces"],
        [f"{s}-{n}" for n in (1, 2) for s in ("vmetrics", "vlogs", "vtraces")],
    )
    assert list(found) == [*own, *all_nodes, "pg-pg-meta-1", "pg-pg-test-1", "pg-pg-test-2"]
    assert [uid for uid, source in found.items() if source.get("isDefault")] == ["vmetrics"]
    for uid, source in found.items():
        assert set(source) <= DOCUMENTED
        assert (source["name"], source["access"], source["editable"]) == (uid, "proxy", False)


@pytest.mark.parametrize(
    ("uid", "kind", "url"),
    [
        ("vmetrics", "prometheus", "http://127.0.0.1:8428"),
        ("vlogs", "victoriametrics-logs-datasource", "http://127.0.0.1:9428"),
        ("vtraces", "jaeger", "http://127.0.0.1:10428/select/jaeger"),
        ("vmetrics-2", "prometheus", "https://10.0.0.2:443/vmetrics"),
        ("vtraces-2", "jaeger", "https://10.0.0.2:443/vtraces/select/jaeger"),
        ("pg-pg-test-2", "grafana-postgresql-datasource", "10.0.0.4:5432"),
    ],
)
def test_a_data_source_leads_to_its_store(uid: str, kind: str, url: str) -> None:
    assert (sources()[uid]["type"], sources()[uid]["url"]) == (kind, url)


def test_stores_of_other_nodes_are_reached_by_their_portals_with_the_certificate_of_an_infra_node() -> None:
    source = sources()["vlogs-2"]
    assert source["jsonData"]["tlsAuth"] is True
    assert source["jsonData"]["tlsAuthWithCACert"] is True
    assert source["secureJsonData"]["tlsClientKey"] == "$__file{/etc/pki/infra.key}"


def test_where_ports_are_open_they_are_reached_directly() -> None:
    source = sources("    infra_expose: intranet\n")["vlogs-2"]
    assert source["url"] == "http://10.0.0.2:9428"
    assert "secureJsonData" not in source


def test_a_dollar_in_a_password_is_not_taken_for_a_variable() -> None:
    assert sources()["pg-pg-test-1"]["secureJsonData"] == {"password": "an$$wer"}


def test_the_file_with_passwords_is_grafanas_alone() -> None:
    file = files_of(compiled(FLEET, kind="system")["10.0.0.1"])[SOURCES]
    assert (file.mode, file.owner, file.secret) == (0o600, "grafana", True)


def test_it_is_served_below_ui_and_tells_nobody_anything() -> None:
    config = ini()
    assert config["server"]["root_url"] == "https://i.staddle/ui/"
    assert config["server"]["serve_from_sub_path"] == "true"
    assert config["server"]["http_addr"] == "127.0.0.1"
    assert config["auth.anonymous"]["enabled"] == "false"
    assert config["analytics"]["reporting_enabled"] == "false"
    assert config["dashboards"]["default_home_dashboard_path"].endswith("/home/home.json")
    assert not config.has_section("auth.proxy")


def test_no_secret_is_in_the_configuration_and_none_is_grafanas_default() -> None:
    files = rendered(
        "    grafana_pgurl: postgres://g:verysecret@10.0.0.9/grafana\n    grafana_admin_password: chosen\n"
    )
    text = files["/etc/grafana/grafana.ini"]
    assert "verysecret" not in text
    assert "chosen" not in text
    assert files["/etc/grafana/admin-password"] == "chosen"
    assert files["/etc/grafana/database-url"].endswith("@10.0.0.9/grafana")
    assert files["/etc/grafana/secret-key"] not in {"", "SW2YcwTIb9zpOOhoPsMm"}


def test_without_a_password_in_the_inventory_one_is_asked_for_and_is_the_same_on_every_node() -> None:
    assert {rendered(ip=ip)["/etc/grafana/admin-password"] for ip in ("10.0.0.1", "10.0.0.2")} == {
        "made grafana-admin-password"
    }


def test_those_who_share_a_database_change_its_tables_one_after_the_other() -> None:
    database = ini("    grafana_pgurl: postgres://g:s3@10.0.0.9/grafana\n")["database"]
    assert dict(database) == {
        "type": "postgres",
        "url": "$__file{/etc/grafana/database-url}",
        "migration_locking": "true",
        "locking_attempt_timeout_sec": "120",
    }


def test_those_who_share_a_database_write_the_same_rows() -> None:
    extra = "    grafana_pgurl: postgres://g:s3@10.0.0.9/grafana\n"
    assert sources(extra, "10.0.0.1") == sources(extra, "10.0.0.2")
    assert sources(extra)["pg-pg-meta-1"]["url"] == "10.0.0.1:5432"
    assert sources()["pg-pg-meta-1"]["url"] == "/var/run/postgresql"


def test_dashboards_are_provided_from_files_in_their_folders() -> None:
    data = yaml.safe_load(rendered()[PROVIDERS])
    ours, own = data["providers"]
    assert (ours["type"], ours["options"]["foldersFromFilesStructure"]) == ("file", True)
    assert own["options"]["path"] == "/data/infra/dashboards"
    files = files_of(compiled(FLEET, kind="system")["10.0.0.1"])
    there = {path for path in files if path.startswith(ours["options"]["path"] + "/")}
    assert there == {f"{ours['options']['path']}/{board.folder}/{board.uid}.json" for board in shipped()}
    assert json.loads(files[f"{ours['options']['path']}/home/home.json"].content)["uid"] == "home"


def test_every_data_source_that_dashboards_name_is_provisioned() -> None:
    text = "".join(board.content.decode() for board in shipped())
    named = set(re.findall(r'"uid": "((?:vmetrics|vlogs|vtraces|pg-)[^"]*)"', text))
    assert named
    assert named <= set(sources())


def test_the_portal_leads_to_it_and_what_is_meant_for_the_portal_back() -> None:
    home = next(text for text in _nginx().values() if "location /ui/" in text)
    assert "proxy_pass http://127.0.0.1:3000;" in home
    assert re.search(r"location ~ \^/ui/\(\?<elsewhere>\(alertmgr\|", home)
    assert "X-WEBAUTH-USER" not in home


@pytest.mark.parametrize(("auth", "passed"), [("true", "$remote_user"), ("false", '""')])
def test_the_name_of_a_user_is_passed_on_only_where_the_portal_has_asked_for_a_password(auth: str, passed: str) -> None:
    extra = f"    grafana_auth_proxy: true\n    infra_portal: {{home: {{domain: i.staddle, auth: {auth}}}}}\n"
    assert ini(extra)["auth.proxy"]["whitelist"] == "127.0.0.1, ::1"
    home = next(text for text in _nginx(extra).values() if "location /ui/" in text)
    assert f"proxy_set_header X-WEBAUTH-USER {passed};" in home


def test_its_unit_runs_it_as_itself_and_lets_it_write_nowhere_else() -> None:
    unit = rendered()["/etc/systemd/system/grafana-server.service"]
    for line in ("User=grafana", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet="):
        assert line in unit
    assert "ReadWritePaths=/var/lib/grafana /var/log/grafana" in unit


def test_where_it_cant_be_had_nothing_of_it_is_there_and_the_console_has_its_path() -> None:
    fleet = fleet_of(FLEET)
    layout = layout_for(fleet, kind="system")
    programs = {name: program for name, program in layout.programs.items() if name != "grafana"}
    programs["staddle-console"] = next(iter(programs.values()))
    from dataclasses import replace

    bare = contexts_of(fleet, lambda _: replace(layout, programs=programs), material_for(fleet))
    routes = {route.path: route.component for route in bare["10.0.0.1"].registry.routes}
    assert routes["/ui/"] == "console"
    assert contexts(FLEET)["10.0.0.1"].registry.routes
    both = contexts_of(
        fleet,
        lambda _: replace(layout, programs={**programs, "grafana": layout.programs["grafana"]}),
        material_for(fleet),
    )
    assert {r.path: r.component for r in both["10.0.0.1"].registry.routes}["/ui/"] == "grafana"


def _nginx(extra: str = "") -> dict[str, str]:
    files = files_of(compiled(FLEET + extra, kind="system")["10.0.0.1"])
    return {path: file.content.decode() for path, file in files.items() if path.startswith("/etc/nginx/")}
