"""Compile is a pure function of fleet, layout and material, and knows every node's registrations."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.unit.fleets import LAPTOP, TWO_INFRA, compiled, contexts, files_of

import staddle.compile
from staddle.components.registry import all_components
from staddle.manifest.canonical import digest, to_json
from staddle.manifest.resources import Directory, File


def test_the_same_fleet_gives_the_same_bytes_in_another_process() -> None:
    here = {ip: digest(to_json(manifest)) for ip, manifest in compiled(TWO_INFRA).items()}
    code = "from tests.unit.fleets import *; from staddle.manifest.canonical import digest, to_json;"
    code += "print({ip: digest(to_json(m)) for ip, m in compiled(TWO_INFRA).items()})"
    env = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "PYTHONPATH": str(Path(__file__).parents[2])}
    there = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(here)


def test_what_compile_is_made_of_knows_no_clock_network_or_disk() -> None:
    source = Path(staddle.compile.__file__).parent
    modules = [source / "compile.py", *source.glob("components/**/*.py"), *source.glob("manifest/**/*.py")]
    impure = {"datetime", "getpass", "os", "platform", "random", "socket", "subprocess", "time", "uuid"}
    for module in modules:
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        }
        assert not imported & impure, module


def test_components_come_by_phase_and_after_what_they_depend_on() -> None:
    names = [component.name for component in all_components()]
    phases = [component.phase for component in all_components()]
    assert phases == sorted(phases)
    for component in all_components():
        assert all(names.index(other) < names.index(component.name) for other in component.after)


@pytest.mark.parametrize("kind", ["sandbox", "system"])
def test_no_file_belongs_to_two_components(kind: str) -> None:
    for manifest in compiled(TWO_INFRA, kind=kind).values():
        seen: list[str] = []
        for block in manifest.blocks:
            files = [r.path for r in block.resources if not isinstance(r, Directory)]
            assert not set(files) & set(seen), block.component
            seen += files


def test_secrets_are_marked_and_closed() -> None:
    files = files_of(compiled()["127.0.0.1"])
    secrets = {path: file for path, file in files.items() if file.secret}
    of_grafana = {"admin-password", "secret-key", "staddle.yml"}
    expected = {"nginx.key", "htpasswd", "node.key", "infra.key"} | of_grafana
    assert {path.rpartition("/")[2] for path in secrets} == expected
    assert all(file.mode & 0o007 == 0 for file in secrets.values())
    assert not [path for path, file in files.items() if b"private key" in file.content and not file.secret]


def test_every_infra_node_scrapes_every_node() -> None:
    manifests = compiled(TWO_INFRA)
    for ip in ("10.0.0.1", "10.0.0.2"):
        targets = {p: f for p, f in files_of(manifests[ip]).items() if "/targets/" in p}
        names = {path.partition("/targets/")[2] for path in targets}
        assert names >= {"infra/infra-1.yml", "infra/infra-2.yml"}
        assert names >= {f"{job}/10.0.0.{n}.yml" for job in ("node", "ping") for n in range(1, 5)}
        for file in targets.values():
            for entry in yaml.safe_load(file.content):
                assert entry["labels"].keys() >= {"cls", "ins", "ip"}
                assert entry["targets"]


def test_a_regular_node_gets_no_part_of_the_foundation() -> None:
    assert [block.component for block in compiled(TWO_INFRA)["10.0.0.3"].blocks] == ["ca", "log_agent", "node_exporter"]


def test_alertmanagers_form_a_mesh_and_every_vmalert_tells_all_of_them() -> None:
    manifests = compiled(TWO_INFRA, kind="system")
    for ip, peer in (("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")):
        files = files_of(manifests[ip])
        alertmanager = files["/etc/default/alertmanager"].content.decode()
        vmalert = files["/etc/default/vmalert"].content.decode()
        assert f"--cluster.listen-address={ip}:9094" in alertmanager
        assert f"--cluster.peer={peer}:9094" in alertmanager
        assert f"-notifier.url=http://127.0.0.1:9059 -notifier.url=https://{peer}:443/alertmgr" in vmalert or (
            f"-notifier.url=https://{peer}:443/alertmgr -notifier.url=http://127.0.0.1:9059" in vmalert
        )
        assert "-notifier.tlsCertFile=/etc/pki/infra.crt -notifier.tlsKeyFile=/etc/pki/infra.key" in vmalert
        # Who has no such certificate is not let into the mesh.
        assert "--cluster.tls-config=/etc/alertmanager/mesh.yml" in alertmanager
        mesh = yaml.safe_load(files["/etc/alertmanager/mesh.yml"].content)
        assert mesh["tls_server_config"]["client_auth_type"] == "RequireAndVerifyClientCert"
        assert (
            mesh["tls_server_config"]["client_ca_file"]
            == mesh["tls_client_config"]["ca_file"]
            == "/etc/pki/infra-ca.crt"
        )


@pytest.mark.parametrize(
    "off",
    ["vmetrics", "vmalert", "alertmanager", "blackbox", "dns", "nginx", "nginx_exporter", "node_ntp", "node_exporter"],
)
def test_every_component_can_be_switched_off(off: str) -> None:
    everything = {block.component for block in compiled()["127.0.0.1"].blocks}
    text = LAPTOP.replace("nodename: box", f"nodename: box, {off}_enabled: false")
    left = {block.component for block in compiled(text)["127.0.0.1"].blocks}
    gone = {
        "dns": {"dnsmasq", "dns_roles"},
        "node_ntp": {"chronyd"},
        "nginx": {"nginx", "nginx_exporter"},
        "vmetrics": {"vmetrics", "vmalert", "dns_roles"},
    }
    assert everything - left == gone.get(off, {off})


def test_a_switched_off_component_leaves_no_registration() -> None:
    for off, trace in (("blackbox", b"blackbox"), ("alertmanager", b"alertmanager"), ("vmalert", b"vmalert-1")):
        text = LAPTOP.replace("nodename: box", f"nodename: box, {off}_enabled: false")
        files = files_of(compiled(text)["127.0.0.1"])
        assert not [p for p, f in files.items() if "/targets/" in p and trace in f.content]


def test_blackbox_targets_are_probed_from_every_infra_node_and_registered_once() -> None:
    text = TWO_INFRA.replace(
        "admin_ip: 10.0.0.1",
        "admin_ip: 10.0.0.1, blackbox_targets: [{name: wiki, target: 'https://wiki.example:8443/x'}]",
    )
    for ip in ("10.0.0.1", "10.0.0.2"):
        file = files_of(compiled(text)[ip])["/box/data/infra/targets/probe/inventory.yml"]
        assert yaml.safe_load(file.content) == [
            {
                "labels": {"__param_module": "http_2xx", "cls": "wiki", "ins": "wiki", "ip": "wiki.example"},
                "targets": ["https://wiki.example:8443/x"],
            }
        ]


def test_the_portal_url_is_the_inventorys_or_follows_from_layout_and_mode() -> None:
    def url(**defaults: object) -> str:
        return contexts(LAPTOP, **defaults)["127.0.0.1"].portal_url

    assert url() == "https://localhost"
    assert url(nginx_ssl_port=8443) == "https://localhost:8443"
    assert url(nginx_sslmode="disable", nginx_port=8080) == "http://localhost:8080"
    assert url(portal_url="https://portal.example/") == "https://portal.example"


def test_dns_records_of_the_inventory_are_served() -> None:
    file: File = files_of(compiled(TWO_INFRA)["10.0.0.2"])["/box/data/infra/hosts/default"]
    assert file.content.decode().splitlines()[1:] == ["10.0.0.1 i.staddle", "10.0.0.1 p.staddle a.staddle"]
    assert file.on_change == "none"


def test_a_node_more_changes_few_files_of_an_infra_node() -> None:
    more = TWO_INFRA.replace(
        "    workers:\n      hosts:\n", "    workers:\n      hosts:\n        10.0.0.5: { nodename: worker-c }\n"
    )
    before, after = (files_of(compiled(text)["10.0.0.1"]) for text in (TWO_INFRA, more))
    differ = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path.removeprefix("/box/") for path in differ} == {
        "data/infra/targets/node/10.0.0.5.yml",
        "data/infra/targets/ping/10.0.0.5.yml",
        "data/nginx/_staddle/site.json",
        "data/nginx/index.html",
        "etc/nginx/nginx.conf",  # which certificates are nodes'
        "etc/nginx/snippets/configuration.conf",  # the digest of that
        "var/lib/node_exporter/targets.prom",
    }
