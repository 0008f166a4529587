"""Bad configurations: refused before they replace anything, or taken back when the program can't live with them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.lab.fleet import FIRST, OTHER, WORKER, Admin, complaints

from staddle.converge.bundle import build
from staddle.drive.compilation import compile_run, loaded
from staddle.drive.rundir import RunDirectory, admin_directory

if TYPE_CHECKING:
    from pathlib import Path

BROKEN_PORTAL = {
    "home": {"domain": "i.staddle"},
    "bad": {"domain": "bad.example", "endpoint": "127.0.0.1:1", "config": "nonsense on;"},
}
BROKEN_SOURCE = ["server 10.10.10.1 iburst nonsense"]


@dataclass(frozen=True)
class Mistake:
    """Something in a file that the component's own validator finds, and what it says about it."""

    component: str
    path: str
    right: str
    wrong: str
    says: str


# The inventory can't express these: what it says is checked by itself first. (nginx and chrony take lines of their own.)
MISTAKES = [
    Mistake("nginx", "/etc/nginx/nginx.conf", "http {", "nonsense on;\nhttp {", 'unknown directive "nonsense"'),
    Mistake("vmetrics", "/data/infra/prometheus.yml", "scrape_interval: 10s", "scrape_interval: often", "often"),
    Mistake("vmalert", "/data/infra/rules/node.yml", "expr: up{", "expr: up{{", "up{{"),
    Mistake(
        "alertmanager",
        "/etc/alertmanager.yml",
        "receiver: portal-only",
        "receiver: nobody",
        'undefined receiver "nobody"',
    ),
    Mistake("blackbox", "/etc/blackbox.yml", "prober: http", "probber: http", "probber"),
    Mistake("dnsmasq", "/etc/dnsmasq.conf", "bogus-priv", "bogus-private", "bad option"),
    Mistake("chronyd", "/etc/chrony/chrony.conf", "port ", "nonsense ", "nonsense"),
]
# What passes the validators, and doesn't live: flags that don't exist, ports that somebody else has on that host.
DEADLY = {
    "vmetrics_options": "-no.such.flag",
    "vmalert_options": "-no.such.flag",
    "alertmanager_options": "--no-such-flag",
    "blackbox_options": "--no-such-flag",
    "node_exporter_options": "--no-such-flag",
    "nginx_port": 8080,
    "dns_port": 5353,
    "node_ntp_port": 1123,
}
DIE = {
    "vmetrics",
    "vmalert",
    "alertmanager",
    "blackbox",
    "node_exporter",
    "nginx",
    "nginx_exporter",
    "dnsmasq",
    "chronyd",
}
SQUATTER = """\
import socket, time
held = []
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
for kind, port in ((TCP, 8080), (TCP, 5353), (UDP, 5353), (UDP, 1123)):
    held.append(socket.socket(socket.AF_INET, kind))
    held[-1].bind(("0.0.0.0", port))
    if kind == TCP:
        held[-1].listen()
print("ready", flush=True)
time.sleep(3600)
"""


def test_what_the_inventory_says_wrong_is_refused_where_it_was_said(admin: Admin) -> None:
    before = admin.started()
    admin.edit(infra_portal=BROKEN_PORTAL, node_ntp_servers=BROKEN_SOURCE)
    for command in ("plan", "apply"):
        data = admin.json(command, "-t", "nginx,chronyd,ntp_client", exits=1)
        said = complaints(data)
        assert [line for line in said if line.startswith(f"{FIRST}: nginx") and 'unknown directive "nonsense"' in line]
        for ip, component in ((FIRST, "chronyd"), (WORKER, "ntp_client"), (OTHER, "ntp_client")):
            assert [line for line in said if line.startswith(f"{ip}: {component}") and "iburst nonsense" in line]
        reports = data["hosts"][FIRST]["reports"].values()
        origins = [b["origin"] for report in reports for b in report["blocks"] if b["component"] == "nginx"]
        assert all(origin.startswith(str(admin.inventory)) for origin in origins)
        assert origins
    assert admin.started() == before
    admin.settle()
    admin.run("drift", exits=0)


def test_every_component_refuses_a_bad_file_and_goes_on_with_the_old_one(admin: Admin) -> None:
    before, host = admin.started(), admin.host(FIRST)
    bundle = admin.home / "converge.pyz"
    bundle.write_bytes(build())
    host.put(bundle, "/root/converge.pyz")
    files = {mistake.path: host.read(mistake.path) for mistake in MISTAKES}
    manifest = json.dumps(spoilt(manifest_of(admin, FIRST)))
    for flags in ("--json --check", "--json"):
        told = host.run(f"python3 /root/converge.pyz --manifest - {flags} 2>/dev/null", stdin=manifest, check=False)
        blocks = {block["component"]: block for block in json.loads(told.stdout)["blocks"]}
        assert told.returncode == 1
        assert {name for name, block in blocks.items() if block["outcome"] != "ok"} == {m.component for m in MISTAKES}
        for mistake in MISTAKES:
            assert blocks[mistake.component]["outcome"] == "failed"
            assert mistake.says in blocks[mistake.component]["message"], blocks[mistake.component]["message"]
    assert {path: host.read(path) for path in files} == files
    assert admin.started() == before
    assert all(admin.services()[FIRST].values())


def test_what_a_program_can_not_live_with_is_taken_back(admin: Admin) -> None:
    host = admin.host(FIRST)
    host.write("/root/squatter.py", SQUATTER)
    host.run("systemctl stop squatter 2>/dev/null; systemd-run --quiet --unit=squatter python3 /root/squatter.py")
    try:
        admin.edit(**DEADLY)
        data = admin.json("apply", "-l", FIRST, exits=1)
    finally:
        host.run("systemctl stop squatter")
    blocks = [b for report in data["hosts"][FIRST]["reports"].values() for b in report["blocks"]]
    outcomes = {block["component"]: block["outcome"] for block in blocks}
    assert {name for name, outcome in outcomes.items() if outcome == "rolled back"} == DIE, complaints(data)
    assert "failed" not in outcomes.values(), complaints(data)
    said = {block["component"]: f"{block['message']} {block['log_tail']}" for block in blocks}
    for component in ("vmetrics", "vmalert", "alertmanager", "blackbox", "node_exporter"):
        assert "such" in said[component], said[component]
    for component, port in (("nginx", "8080"), ("dnsmasq", "5353"), ("chronyd", "1123")):
        assert port in said[component] or "in use" in said[component], said[component]
    assert all(admin.services()[FIRST].values())
    admin.settle()
    admin.run("plan", exits=0)


def manifest_of(admin: Admin, ip: str) -> dict[str, Any]:
    """As the command line compiles it from what it knows of all hosts."""
    loaded.cache_clear()  # it is read once per process, and the inventory has been edited since
    home: Path = admin_directory(admin.inventory)
    run = RunDirectory.create(home, os.getpid())
    for file in (home / "facts").glob("*.json"):
        run.put("facts", file.stem, json.loads(file.read_text(encoding="utf-8")))
    compile_run(run, admin.inventory, home)
    manifest: dict[str, Any] = json.loads(run.read("manifest", ip) or b"")
    run.remove()
    return manifest


def spoilt(manifest: dict[str, Any]) -> dict[str, Any]:
    """With all the mistakes in it."""
    for mistake in MISTAKES:
        [block] = [block for block in manifest["blocks"] if block["component"] == mistake.component]
        [resource] = [resource for resource in block["resources"] if resource["path"] == mistake.path]
        content = base64.b64decode(manifest["blobs"][resource["sha256"]]).decode()
        assert mistake.right in content, mistake
        changed = content.replace(mistake.right, mistake.wrong, 1).encode()
        resource["sha256"] = hashlib.sha256(changed).hexdigest()
        manifest["blobs"][resource["sha256"]] = base64.b64encode(changed).decode()
    return manifest
