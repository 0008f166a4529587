"""Nodes and INFRA nodes come and go: everything follows in one apply, and nothing remains of who is gone."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.lab.fleet import FIRST, OTHER, OTHER_NAME, SECOND, SPARE, WORKER, Admin, until

GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"
RESOLVE = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"
PLACES = "/etc /data /home /root /usr/local /var/lib /var/spool"
NOT_OURS = (
    "/var/lib/staddle",
    "/data/infra/metrics",
    "/data/infra/logs",
    "/data/infra/traces",
    "/data/vector",
    "/var/lib/apt/lists",
)
"""The ledger, which can bring everything back, what was measured, and logs on their way."""


def traces(admin: Admin, ip: str, words: list[str]) -> list[str]:
    """Lines on a host, in any text file that we or a program of ours could have written, with one of the words."""
    patterns = " ".join(f"-e {word.replace('.', '[.]')}" for word in words)
    pruned = " -o ".join(f"-path {path}" for path in NOT_OURS)
    find = f"find {PLACES} \\( {pruned} \\) -prune -o -type f -print0"
    return admin.host(ip).run(f"{find} | xargs -0 grep -Iw {patterns} /dev/null || true").stdout.splitlines()


def targets_up(admin: Admin, ip: str) -> dict[str, float]:
    """By address of a node, whether its exporter is scraped by that INFRA node."""
    query = urlencode({"query": 'up{job="node",exporter=""}'})
    url = f"http://127.0.0.1:8428/api/v1/query?{query}"
    answer: dict[str, Any] = json.loads(admin.host(ip).run(["python3", "-c", GET, url]).stdout)
    return {series["metric"]["ip"]: float(series["value"][1]) for series in answer["data"]["result"]}


def peers(admin: Admin, ip: str) -> int:
    answer = admin.host(ip).run(["python3", "-c", GET, "http://127.0.0.1:9059/api/v2/status"]).stdout
    return len(json.loads(answer)["cluster"]["peers"])


@pytest.fixture(scope="module")
def admin(fleet: Admin) -> Admin:
    fleet.edit(vmetrics_scrape_interval="2s", vmetrics_scrape_timeout="2s", nodename_exchange=True)
    fleet.apply()
    return fleet


def all_scraped(admin: Admin, nodes: set[str]) -> None:
    for ip in admin.infra:
        until(f"targets of {ip}", partial(targets_up, admin, ip), lambda found: found == dict.fromkeys(nodes, 1.0))


def test_a_removed_node_is_clean_and_forgotten_by_the_others(admin: Admin) -> None:
    other = admin.host(OTHER)
    admin.run("remove", "--yes", "--data", "-l", OTHER)
    left = "/etc/pki/ca.crt /var/lib/staddle /etc/systemd/system/node_exporter.service /etc/default/node_exporter"
    assert not other.run(f"ls {left}", check=False).stdout
    assert other.run("systemctl is-active node_exporter", check=False).stdout.strip() == "inactive"
    assert not traces(admin, OTHER, [FIRST, SECOND])
    del admin.workers[OTHER]
    admin.write()
    assert traces(admin, FIRST, [OTHER])
    admin.run("register")
    for ip in (FIRST, SECOND):
        assert not [line for line in traces(admin, ip, [OTHER]) if "/data/infra" in line]
    admin.apply()
    for ip in (FIRST, SECOND, WORKER):
        assert traces(admin, ip, [OTHER, OTHER_NAME]) == []
    admin.run("plan", exits=0)


def test_a_node_that_is_added_is_complete_in_one_apply(admin: Admin) -> None:
    admin.workers[OTHER] = {"nodename": OTHER_NAME, "ansible_user": "debian"}
    admin.write()
    assert {ip for ip, *_ in admin.apply()} == {FIRST, SECOND, WORKER, OTHER}
    admin.run("plan", exits=0)
    assert all(admin.services()[OTHER].values())
    for ip in (FIRST, SECOND, WORKER):
        assert admin.host(ip).run(["python3", "-c", RESOLVE, OTHER_NAME]).stdout.strip() == OTHER
    all_scraped(admin, {FIRST, SECOND, WORKER, OTHER})


def test_an_infra_node_that_is_added_later_is_complete_in_one_apply(admin: Admin) -> None:
    admin.infra[SPARE] = {"infra_seq": 3}
    admin.write()
    admin.serve()
    admin.apply()
    admin.run("plan", exits=0)
    services = admin.services()
    assert {*services[SPARE]} == {*services[FIRST]}
    assert all(all(found.values()) for found in services.values())
    all_scraped(admin, {FIRST, SECOND, SPARE, WORKER, OTHER})
    for ip in (FIRST, SECOND, SPARE):
        until(f"mesh of {ip}", partial(peers, admin, ip), lambda found: found == 3)
        assert admin.host(ip).read("/etc/default/vmalert").count("-notifier.url=") in (0, 3)
    for ip in (WORKER, OTHER):
        assert f"server {SPARE} " in admin.host(ip).read("/etc/chrony/chrony.conf")


def test_another_admin_ip_takes_one_apply(admin: Admin) -> None:
    admin.vars["admin_ip"] = SECOND
    admin.write()
    admin.apply()
    admin.run("plan", exits=0)
    for ip in (*admin.infra, *admin.workers):
        host = admin.host(ip)
        assert f"{SECOND} i.staddle" in host.read("/etc/hosts")
        assert f"{FIRST} i.staddle" not in host.read("/etc/hosts")
        assert f"nameserver {SECOND}" in host.read("/etc/resolv.conf")
        assert f"nameserver {FIRST}" not in host.read("/etc/resolv.conf")
        assert host.run(["python3", "-c", RESOLVE, "i.staddle"]).stdout.strip() == SECOND
        assert FIRST not in host.run("cat /etc/apt/sources.list /etc/apt/sources.list.d/*", check=False).stdout


def test_of_an_infra_node_that_is_removed_nothing_remains_on_the_others(admin: Admin) -> None:
    admin.run("remove", "--yes", "--data", "-l", FIRST)
    first = admin.host(FIRST)
    assert not first.run(
        "ls /etc/pki/ca.crt /var/lib/staddle /data/infra /etc/nginx/conf.d/home.conf", check=False
    ).stdout
    assert not first.run("systemctl list-units --no-legend vmetrics.service nginx.service alertmanager.service").stdout
    del admin.infra[FIRST]
    admin.write()
    admin.apply()
    admin.run("plan", exits=0)
    for ip in (*admin.infra, *admin.workers):
        assert traces(admin, ip, [FIRST, "infra-1"]) == [], ip
    all_scraped(admin, {SECOND, SPARE, WORKER, OTHER})
    for ip in admin.infra:
        until(f"mesh of {ip}", partial(peers, admin, ip), lambda found: found == 2)
    assert all(all(found.values()) for found in admin.services().values())
