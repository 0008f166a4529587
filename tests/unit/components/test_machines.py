"""How machines know each other: what is on which node, who scrapes what how, and what `infra_expose` makes of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.fleets import TWO_INFRA, compiled, files_of

if TYPE_CHECKING:
    from staddle.manifest.resources import File

FIRST, SECOND, WORKER = "10.0.0.1", "10.0.0.2", "10.0.0.3"
OPENED = TWO_INFRA.replace("admin_ip: 10.0.0.1", "admin_ip: 10.0.0.1, infra_expose: intranet")


@cache
def files(ip: str, text: str = TWO_INFRA, kind: str = "system") -> dict[str, File]:
    return files_of(compiled(text, kind=kind)[ip])


def data(ip: str, path: str, **options: str) -> Any:
    return yaml.safe_load(files(ip, **options)[path].content)


def test_a_node_has_its_own_certificate_and_an_infra_node_that_of_its_role_as_well() -> None:
    common = {"ca.crt", "node.crt", "node.key", "node-ca.crt", "scrapers.crt"}
    more = {"infra.crt", "infra.key", "infra-ca.crt", "machines.crt"}
    found = {
        ip: {path.rpartition("/")[2] for path in files(ip) if path.startswith("/etc/pki/")} for ip in (FIRST, WORKER)
    }
    assert found == {FIRST: common | more, WORKER: common}


def test_keys_are_for_those_who_run_what_needs_them() -> None:
    node, infra = files(FIRST)["/etc/pki/node.key"], files(FIRST)["/etc/pki/infra.key"]
    assert (node.owner, node.group, node.mode, node.secret) == ("prometheus", "prometheus", 0o600, True)
    assert (infra.owner, infra.group, infra.mode, infra.secret) == ("root", "infra", 0o640, True)


def test_exporters_of_nodes_demand_a_certificate() -> None:
    toolkit = data(WORKER, "/etc/staddle/exporters.yml")["tls_server_config"]
    assert toolkit["client_auth_type"] == "RequireAndVerifyClientCert"
    assert toolkit["client_ca_file"] == "/etc/pki/scrapers.crt"
    assert (
        "--web.config.file=/etc/staddle/exporters.yml" in files(WORKER)["/etc/default/node_exporter"].content.decode()
    )
    for ip in (FIRST, SECOND):
        entries = data(ip, f"/data/infra/targets/node/{WORKER}.yml")
        assert {entry["targets"][0]: entry["labels"]["__scheme__"] for entry in entries} == {
            "10.0.0.3:9100": "https", "10.0.0.3:9598": "https",
        }  # fmt: skip


def test_an_infra_node_scrapes_its_own_programs_there_and_those_of_others_through_their_portal() -> None:
    def target(ip: str, number: int) -> Any:
        entries = data(ip, f"/data/infra/targets/infra/infra-{number}.yml")
        return next(entry for entry in entries if entry["labels"]["cls"] == "vmetrics")

    for ip, own, other in ((FIRST, 1, 2), (SECOND, 2, 1)):
        assert target(ip, own)["targets"] == ["127.0.0.1:8428"]
        assert "__scheme__" not in target(ip, own)["labels"]
        assert target(ip, other)["targets"] == [f"10.0.0.{other}:443"]
        assert target(ip, other)["labels"]["__scheme__"] == "https"
        assert target(ip, other)["labels"]["__metrics_path__"] == "/_staddle/metrics/vmetrics"
    # Seen from anywhere it is the same series.
    for number in (1, 2):
        seen = [{k: v for k, v in target(ip, number)["labels"].items() if k[0] != "_"} for ip in (FIRST, SECOND)]
        assert seen[0] == seen[1]
        assert seen[0]["instance"] == f"10.0.0.{number}:8428"
    tls = {"ca_file": "/etc/pki/machines.crt", "cert_file": "/etc/pki/infra.crt", "key_file": "/etc/pki/infra.key"}
    config = data(FIRST, "/data/infra/prometheus.yml")["scrape_configs"]
    assert {job["job_name"]: job.get("tls_config") for job in config} == {
        "infra": tls, "node": tls, "ping": None, "probe": None,
    }  # fmt: skip


def test_a_portal_leads_to_the_metrics_of_its_own_programs_only() -> None:
    home = files(FIRST)["/etc/nginx/conf.d/home.conf"].content.decode()
    for component in ("vmetrics", "vmalert", "alertmanager", "blackbox", "nginx_exporter"):
        assert home.count(f"location = /_staddle/metrics/{component} {{") == 1
    assert "10.0.0.2" not in home


LISTENING = {
    "vmetrics": 8428, "vmalert": 8880, "alertmanager": 9059, "blackbox_exporter": 9115, "nginx_exporter": 9113,
}  # fmt: skip


@pytest.mark.parametrize("service", LISTENING)
@pytest.mark.parametrize("ip", [FIRST, SECOND])
def test_programs_listen_on_loopback_however_many_infra_nodes_there_are(service: str, ip: str) -> None:
    port = LISTENING[service]
    assert f"ddr=127.0.0.1:{port} " in words(ip) or f"address=127.0.0.1:{port} " in words(ip)
    assert f"=:{port} " in words(ip, OPENED)


def words(ip: str, text: str = TWO_INFRA) -> str:
    """All flags of all programs."""
    return "".join(
        f"{file.content.decode()} ".replace('"', " ")
        for path, file in files(ip, text).items()
        if path.startswith("/etc/default/")
    )


def test_on_the_intranet_everything_is_as_the_reference_has_it() -> None:
    assert {path for path in files(FIRST, OPENED) if path.startswith("/etc/pki/")} == {"/etc/pki/ca.crt"}
    [target, *_] = data(FIRST, f"/data/infra/targets/node/{WORKER}.yml", text=OPENED)
    assert "__scheme__" not in target["labels"]
    assert not [
        job for job in data(FIRST, "/data/infra/prometheus.yml", text=OPENED)["scrape_configs"] if "tls_config" in job
    ]
    assert "web.config" not in files(WORKER, OPENED)["/etc/default/node_exporter"].content.decode()
    flags = files(FIRST, OPENED)["/etc/default/vmalert"].content.decode()
    assert "-notifier.url=http://10.0.0.2:9059" in flags
    assert "cluster.tls-config" not in files(FIRST, OPENED)["/etc/default/alertmanager"].content.decode()
    home = files(FIRST, OPENED)["/etc/nginx/conf.d/home.conf"].content.decode()
    assert "ssl_verify_client" not in home
    assert "auth_basic $" not in home


def test_in_a_sandbox_exporters_are_plain_and_the_portal_knows_machines_all_the_same() -> None:
    found = files(FIRST, kind="sandbox")
    supervised = next(
        file.content.decode() for path, file in found.items() if "node_exporter" in path and "supervisor" in path
    )
    assert "web.config" not in supervised
    home = found["/box/etc/nginx/conf.d/home.conf"].content.decode()
    assert "ssl_verify_client optional;" in home
    assert "auth_basic $home_realm" not in home
