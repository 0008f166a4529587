"""`staddle up` brings up the foundation; again, it changes nothing; what dies comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
from tests.sandbox.dns import dns_query
from tests.sandbox.stack import Stack, wait_for

from staddle.console.assets import are_built

if TYPE_CHECKING:
    from pathlib import Path

CONSOLE = ("console",) if are_built() else ()
"""Its pages are built by `make test`; who runs pytest alone may have none."""
SERVICES = (
    "alertmanager", "blackbox", "chronyd", *CONSOLE, "dnsmasq", "log_agent", "nginx", "nginx_exporter", "node_exporter",
    "vlogs", "vmalert", "vmetrics", "vtraces",
)  # fmt: skip


def test_every_component_is_healthy(stack: Stack) -> None:
    result = stack.run("status", "--json")
    data = json.loads(result.stdout)
    assert result.returncode == 0
    assert {c["component"]: c["healthy"] for c in data["components"]} == dict.fromkeys(SERVICES, True)
    assert all(c["pid"] and c["version"] for c in data["components"])
    assert {c["component"] for c in data["components"] if c["provider"] == "embedded"} == {*CONSOLE, "vlogs", "vtraces"}


def test_doctor_names_what_is_wrong_and_its_remedy_mends_it(stack: Stack) -> None:
    def found() -> dict[tuple[str, str], str]:
        result = stack.run("doctor", "--json")
        findings = json.loads(result.stdout)["findings"]
        # Disks are this machine's, and alerts take their time.
        return {(f["check"], f["about"]): f["remedy"] for f in findings if f["check"] not in {"disk", "alert"}}

    config = stack.root / "etc/blackbox.yml"
    stack.supervision.call("supervisor.stopProcess", "blackbox")
    config.write_text(config.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    assert found() == {
        ("service", "blackbox"): "staddle up (staddle logs blackbox)",
        ("drift", str(config)): "staddle up puts back what the inventory says",
    }
    assert stack.run("doctor").returncode == 1
    stack.up()
    assert found() == {}


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = stack.pids()
    again = stack.up()
    assert again["report"]["totals"]["changed"] == 0
    assert stack.pids() == before
    assert stack.up("--plan")["exit"] == 0


def test_every_target_is_up_and_has_the_four_labels(stack: Stack) -> None:
    infra = {
        "alertmanager-1", "blackbox-1", *(f"{name}-1" for name in CONSOLE), "nginx-1", "vlogs-1", "vmalert-1", "vmetrics-1",
        "vtraces-1",
    }  # fmt: skip

    def all_up() -> list[dict[str, str]] | None:
        targets = stack.get("/vmetrics/api/v1/targets").json()["data"]["activeTargets"]
        labels = [target["labels"] for target in targets]
        there = {one["job"] for one in labels} >= {"infra", "node", "probe"}
        there = there and {one["ins"] for one in labels if one["job"] == "infra"} >= infra
        return labels if there and all(target["health"] == "up" for target in targets) else None

    labels = wait_for("every target to be up", all_up)
    assert all(one.keys() >= {"job", "cls", "ins", "ip"} for one in labels)
    assert {one["ins"] for one in labels if one["job"] == "infra"} == infra


def test_every_probe_succeeds(stack: Stack) -> None:
    wanted = {"dnsmasq-1", "nginx-1", "nginx-1:p.staddle", "nginx-1:a.staddle"}

    def succeeding() -> set[str]:
        return {series["metric"]["ins"] for series in stack.query("probe_success == 1")}

    wait_for(lambda: f"probes: {wanted - succeeding()}", lambda: wanted <= succeeding())
    wait_for("no probe to fail", lambda: not stack.query("probe_success == 0"))


def test_dns_answers_for_the_home_domain_and_its_siblings(stack: Stack) -> None:
    for name in ("i.staddle", "p.staddle", "a.staddle"):
        assert dns_query(stack.port(10053), name).keys() == {"127.0.0.1"}
    assert dns_query(stack.port(10053), "no-such-name.staddle") == {}


def test_ntp_serves_the_time_of_this_machine(stack: Stack) -> None:
    stratum, offset = ntp_query(stack.port(10123))
    assert 1 <= stratum < 16
    assert abs(offset) < 1


def test_killed_components_come_back_by_themselves(stack: Stack) -> None:
    gone: dict[int, str] = {}
    for service in SERVICES:
        main = psutil.Process(stack.pids()[service])
        gone |= dict.fromkeys((main.pid, *(child.pid for child in main.children(recursive=True))), service)
        main.kill()
        wait_for(f"another {service}", lambda: stack.pids()[service] not in {0, *gone})  # noqa: B023
    # A process that can't get its port, because something of the old one still has it, would not last.
    steady = wait_for("all to have run for a while", lambda: _steady(stack, 5))
    assert not [f"{pid} of {service}" for pid, service in gone.items() if _running(pid)]
    assert stack.run("status").returncode == 0
    assert stack.pids() == steady


def test_up_recovers_from_a_killed_supervisor(stack: Stack) -> None:
    before = stack.supervision.own_pids()
    os.kill(int((stack.root / "run/supervisord.pid").read_text(encoding="ascii")), signal.SIGKILL)
    assert stack.run("status").returncode == 1
    stack.up()
    wait_for("its orphans to end", lambda: not any(psutil.pid_exists(pid) and _running(pid) for pid in before))
    assert stack.run("status").returncode == 0


def test_metrics_survive_down_and_up(stack: Stack) -> None:
    def first_sample() -> float | None:
        found = stack.query('tfirst_over_time(up{ins="vmetrics-1"}[1h])')
        return float(found[0]["value"][1]) if found else None

    before = wait_for("a sample", first_sample)
    stack.down()
    assert not stack.supervision.own_pids()
    assert stack.run("status").returncode == 1
    stack.up()
    assert wait_for("the old samples", first_sample) == before


def test_a_taken_port_is_reported_with_its_holder_before_anything_starts(stack: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path)
    code = "import socket,sys,time; s=socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); time.sleep(600)"
    argv = [sys.executable, "-c", code, str(other.port(9115))]
    with subprocess.Popen(argv) as holder:
        try:
            wait_for("the port to be taken", lambda: _connects(other.port(9115)))
            result = other.run("up", "--port-offset", str(other.offset))
        finally:
            holder.kill()
    assert result.returncode == 1
    assert f"port {other.port(9115)} (blackbox, blackbox_port) is taken by pid {holder.pid}" in result.stderr
    assert not other.supervision.own_pids()


def test_restart_and_logs_name_the_nearest_component(stack: Stack) -> None:
    before = stack.pids()["blackbox"]
    assert stack.run("restart", "blackbox").returncode == 0
    assert stack.pids()["blackbox"] != before
    assert "Listening" in stack.run("logs", "blackbox").stdout
    wrong = stack.run("logs", "vmetric")
    assert wrong.returncode == 1
    assert "did you mean 'vmetrics'?" in wrong.stderr


def ntp_query(port: int) -> tuple[int, float]:
    """Stratum, and how far the server's clock is from this one's in seconds (RFC 5905, client mode)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(b"\x23" + 47 * b"\0", ("127.0.0.1", port))
        reply = sock.recv(64)
    seconds, fraction = struct.unpack("!2I", reply[40:48])
    return reply[1], seconds + fraction / 2**32 - 2_208_988_800 - time.time()


def _steady(stack: Stack, seconds: int) -> dict[str, int]:
    """The main processes, if all of them have been running for that long."""
    processes = stack.supervision.processes()
    lasting = {
        n: i["pid"] for n, i in processes.items() if i["statename"] == "RUNNING" and i["now"] - i["start"] >= seconds
    }
    return lasting if len(lasting) == len(processes) else {}


def _connects(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_log_store_is_asked_with_logsql(stack: Stack) -> None:
    rows = (
        b'{"_msg":"first of two","cls":"demo","level":"error"}\n{"_msg":"second of two","cls":"other","level":"info"}\n'
    )
    path = "/vlogs/insert/jsonline?_stream_fields=cls"
    assert stack.get(path, method="POST", body=rows, headers={"Content-Type": "application/stream+json"}).status == 200

    def found(*arguments: str) -> list[str]:
        result = stack.run("logs", "--since", "5m", "--json", *arguments)
        assert result.returncode == 0, result.stderr
        return [json.loads(line)["_msg"] for line in result.stdout.splitlines()]

    assert wait_for("the rows", lambda: found("-q", '"of two"') or None) == ["first of two", "second of two"]
    assert found("-q", '"of two" level:error') == ["first of two"]
    wrong = stack.run("logs", "-q", "level:in(")
    assert wrong.returncode == 1
    assert "level:in(" in wrong.stderr
