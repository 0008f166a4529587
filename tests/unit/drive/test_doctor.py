"""What `doctor` makes of what it sees: each thing that can be wrong, how bad it is, and what to do about it."""

from __future__ import annotations

import datetime as dt
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from staddle.alerting.catalogue import runbooks
from staddle.components.material import CertificateRequest
from staddle.converge import sockets
from staddle.drive.doctor import IN_SANDBOX, Finding, clock, judge, look_at_admin, merged, unreachable
from staddle.inventory.secrets import WeakSecret
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
HOST = "10.0.0.1"
WELL: dict[str, Any] = {
    "time": 0.0, "installed": True, "interrupted": [], "services": [], "drift": [], "disks": [], "certificates": [],
    "units": [], "synchronized": True, "reboot": None, "alerts": [],
}  # fmt: skip


def service(**differs: Any) -> dict[str, Any]:
    well = {"component": "nginx", "service": "nginx", "running": True, "healthy": True, "pid": 7, "reason": None}
    return {**well, "log": [], "port": None, "outdated": False, **differs}


def disk(full: float, inodes: float = 0.1) -> dict[str, Any]:
    return {"path": "/data", "total": 2**40, "free": 2**30, "full": full, "inodes": inodes}


def alert(name: str, severity: str, state: str = "firing", **labels: str) -> dict[str, Any]:
    named = {"alertname": name, "severity": severity, "ip": "10.0.0.9", "ins": "db-1", **labels}
    return {"name": name, "state": state, "labels": named, "annotations": {"summary": f"{name} of db-1"}}


def drifted(number: int) -> dict[str, Any]:
    return {"path": f"/etc/{number}", "component": "nginx", "what": "content", "note": "its content was changed"}


STOPPED = {"running": False, "healthy": False, "pid": None, "reason": "failed (failed): exit-code, exit status 1"}


@pytest.mark.parametrize(
    ("seen", "check", "severity", "says", "remedy"),
    [
        ({"installed": False}, "installed", "error", "nothing is installed", f"staddle apply -l {HOST}"),
        ({"services": [service(**STOPPED)]}, "service", "error", "nginx is not running: failed", "-t nginx"),
        (
            {"services": [service(**STOPPED, port={"number": 80, "holder": "apache2 (pid 9)"})]},
            "service", "error", "port 80 is held by apache2 (pid 9)", "another port",
        ),
        (
            {"services": [service(healthy=False, reason="no answer within 5.0 s")]},
            "service", "error", "nginx is not healthy: no answer", "systemctl restart nginx",
        ),
        ({"services": [service(outdated=True)]}, "restart", "warning", "replaced since", "systemctl restart nginx"),
        ({"interrupted": ["nginx"]}, "interrupted", "warning", "interrupted", "staddle apply"),
        ({"disks": [disk(0.86)]}, "disk", "warning", "86% of the space of /data", "retentionPeriod"),
        ({"disks": [disk(0.97)]}, "disk", "error", "1.0 GB are left", "free or add"),
        ({"disks": [disk(0.2, inodes=0.9)]}, "disk", "warning", "90% of the inodes", "free or add"),
        ({"clock": clock(100, 104, 101)}, "clock", "warning", "3.5 s ahead of", "chronyc tracking"),
        ({"clock": clock(100, 20, 101)}, "clock", "error", "80.5 s behind", "chronyc tracking"),
        ({"synchronized": False}, "clock", "warning", "follows no other", "ntp_client"),
        ({"alerts": [alert("NodeDown", "CRIT")]}, "alert", "error", "NodeDown of db-1", "runbook NodeDown"),
        ({"alerts": [alert("Mine", "WARN")]}, "alert", "warning", "alert Mine", "look at the rule"),
        ({"units": [{"unit": "cron.service", "log": ["x"]}]}, "unit", "warning", "cron.service", "reset-failed"),
        ({"drift": [drifted(1)]}, "drift", "warning", "1 thing changed", f"staddle apply -l {HOST}"),
        ({"drift": "another run is under way"}, "drift", "warning", "under way", "try again"),
        ({"reboot": ["linux-image", "libc6"]}, "reboot", "warning", "linux-image, libc6", "systemctl reboot"),
    ],
)  # fmt: skip
def test_each_thing_that_is_wrong_is_told_with_its_remedy(
    seen: dict[str, Any], check: str, severity: str, says: str, remedy: str
) -> None:
    [found] = judge(HOST, {**WELL, **seen}, NOW)
    assert (found.check, found.severity) == (check, severity)
    assert says in found.what
    assert remedy in found.remedy
    assert found.runbook is None or found.runbook in runbooks("")


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"services": [service()]},
        {"disks": [disk(0.84)]},
        {"clock": clock(100, 100.9, 101)},
        {"clock": clock(100, 104, 110)},
        {"synchronized": None},
        {"alerts": [alert("Watchdog", "INFO"), alert("NodeDown", "CRIT", state="pending")]},
    ],
    ids=str,
)
def test_what_is_well_is_not_told(seen: dict[str, Any]) -> None:
    assert judge(HOST, {**WELL, **seen}, NOW) == []


def test_errors_come_first_and_a_sandbox_has_commands_of_its_own() -> None:
    seen = {**WELL, "reboot": [], "services": [service(**STOPPED, log=["no such file"])]}
    first, second = judge("", seen, NOW, IN_SANDBOX)
    assert (first.severity, first.remedy, first.details) == (
        "error",
        "staddle up (staddle logs nginx)",
        ("no such file",),
    )
    assert second.severity == "warning"


def test_many_changes_by_hand_are_one_finding() -> None:
    [found] = judge(HOST, {**WELL, "drift": [drifted(number) for number in range(9)]}, NOW)
    assert found.what.startswith("9 things")
    assert found.details[-1] == "… and 6 more"


@pytest.mark.parametrize(("age", "severity"), [(300, None), (352, "warning"), (364, "error"), (366, "error")])
def test_certificates_are_told_before_they_end(tmp_path: Path, age: int, severity: str | None) -> None:
    authority = open_authority(tmp_path / "pki", "ca", create=True, now=NOW)
    pair, _ = authority.ensure(HOST, CertificateRequest("nginx", "i.staddle", ("i.staddle",), (), 365), NOW)
    found = judge(
        HOST,
        {**WELL, "certificates": [
            {"path": "/etc/nginx/tls.crt", "component": "nginx", "pem": pair.certificate.decode()},
            {"path": "/etc/pki/ca.crt", "component": "ca", "pem": authority.pem.decode()},
        ]},
        NOW + dt.timedelta(days=age),
    )  # fmt: skip
    assert [item.severity for item in found] == ([severity] if severity else [])
    assert all("staddle apply -l 10.0.0.1 -t cert" in item.remedy for item in found)


@pytest.mark.parametrize(("left", "severity"), [(400, None), (170, "warning"), (10, "error"), (-1, "error")])
def test_the_end_of_the_ca_and_weak_passwords_concern_everybody(
    tmp_path: Path, left: int, severity: str | None
) -> None:
    authority = open_authority(tmp_path / "pki", "ca", create=True, now=NOW)
    later = authority.certificate.not_valid_after_utc - dt.timedelta(days=left)
    found = look_at_admin(tmp_path, [], later)
    assert [(item.check, item.severity, item.host) for item in found] == ([("ca", severity, "")] if severity else [])
    weak = [
        WeakSecret("nginx_users", "all.vars.nginx_users.dba", None, ours=True),
        WeakSecret("pg", "pg", None, ours=False),
    ]
    assert [item.about for item in look_at_admin(tmp_path / "none", weak, NOW)] == ["all.vars.nginx_users.dba"]


def test_a_certificate_that_is_none_is_told() -> None:
    [found] = judge(HOST, {**WELL, "certificates": [{"path": "/x.crt", "component": "ca", "pem": "garbage"}]}, NOW)
    assert (found.check, found.severity) == ("certificate", "error")


def test_what_two_hosts_say_alike_is_said_once_and_survives_json() -> None:
    seen = {**WELL, "alerts": [alert("NodeDown", "CRIT")]}
    twice = [*judge("10.0.0.1", seen, NOW), *judge("10.0.0.2", seen, NOW), unreachable("10.0.0.9", "timed out\n")]
    assert [item.check for item in merged(twice)] == ["alert", "reachable"]
    assert [Finding.from_data(item.to_data()) for item in twice] == twice


def test_the_holder_of_a_port_is_named() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("127.0.0.1", 0))
        for held in (server, datagrams):
            assert str(sockets.listener(held.getsockname()[1])).endswith(f"(pid {os.getpid()})")
        port = server.getsockname()[1]
    assert sockets.listener(port) is None
    assert [sockets.port_of(url) for url in ("http://h:81/x", "https://h", "", "http://h:x")] == [81, 443, None, None]
