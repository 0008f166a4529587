"""Two INFRA and two regular hosts, from bare to healthy and on, by the command line as an administrator runs it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys

import pytest
from tests.lab.fleet import FIRST, OTHER, SECOND, WORKER, Admin
from tests.unit.fleet.boxes import done

from staddle.drive.fleet import environment

KILLS = int(os.environ.get("STADDLE_KILLS", "3"))
"""How often an apply is killed: each time takes as long as two."""

REJECT = """\
table inet nowhere {
  chain input {
    type filter hook input priority -300;
    ip saddr 10.10.10.1 tcp dport 22 reject with tcp reset
  }
}
"""


def test_from_bare_hosts_to_all_healthy_as_planned(admin: Admin) -> None:
    if admin.bare is None:
        pytest.skip("the hosts of this lab are not bare any more")
    planned, applied = admin.bare
    # Nobody can know what packages will bring: what is a new file in the plan may be a changed one, or one less.
    assert {item[:3] for item in done(applied)} <= {item[:3] for item in done(planned)}
    assert {item[:2] for item in done(applied)} == {item[:2] for item in done(planned)}
    assert {ip for ip, *_ in done(applied)} == {FIRST, SECOND, WORKER, OTHER}
    healthy = admin.services()
    assert all(all(services.values()) for services in healthy.values())
    assert {*healthy[FIRST]} >= {
        "nginx",
        "vmetrics",
        "vmalert",
        "alertmanager",
        "blackbox_exporter",
        "dnsmasq",
        "chrony",
    }
    assert {*healthy[SECOND]} == {*healthy[FIRST]}
    assert {*healthy[OTHER]} == {*healthy[WORKER]} >= {"node_exporter", "chrony"}


def test_a_second_apply_changes_nothing_and_restarts_nothing(admin: Admin) -> None:
    before = admin.started()
    assert not admin.apply()
    assert admin.started() == before
    admin.run("plan", exits=0)
    admin.run("drift", exits=0)


def test_a_dead_host_is_told_and_the_others_are_done_one_of_them_behind_a_jump_host(admin: Admin) -> None:
    worker, other = admin.host(WORKER), admin.host(OTHER)
    other.power_off(hard=True)
    worker.console(f"nft -f - <<'END'\n{REJECT}END")
    try:
        admin.edit(node_etc_hosts=["10.10.10.98 scanner.example"])
        applied = admin.json("apply", exits=1)
        assert {ip for ip, host in applied["hosts"].items() if host["unreachable"]} == {WORKER, OTHER}
        assert {ip for ip, *_ in done(applied)} == {FIRST, SECOND}
        assert {ip for ip, host in applied["hosts"].items() if host["failed"]} == {WORKER, OTHER}
        admin.workers[WORKER]["ansible_ssh_common_args"] = f"-J root@{FIRST}"
        admin.write()
        assert {ip for ip, *_ in done(admin.json("apply", exits=1))} == {WORKER}
    finally:
        other.power_on()
        worker.console("nft delete table inet nowhere")
    assert {ip for ip, *_ in admin.apply()} == {OTHER}


@pytest.mark.timeout(120 + 60 * KILLS)
def test_killed_in_the_middle_the_next_apply_finishes(admin: Admin) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(KILLS):
        interval = f"{20 + number}s"
        portal = {
            "home": {"domain": "i.staddle"},
            "wiki": {"domain": f"w{number}.example", "endpoint": f"{WORKER}:9100"},
        }
        log = chance.choice(["--collector.processes", "--log.level=warn", ""])
        admin.edit(vmetrics_scrape_interval=interval, node_exporter_options=log, infra_portal=portal)
        with admin.lab.admin_popen(admin.argv("apply"), cwd=admin.home) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(1.5, 7))
            # The whole connection, with Ansible and its ssh.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        admin.apply()
        admin.run("plan", exits=0)
        assert interval in admin.host(FIRST).read("/infra/prometheus.yml")
        assert not list((admin.home / "files/runs").glob("*/manifest.*"))
    assert all(all(services.values()) for services in admin.services().values())


def test_rollback_of_one_component_on_one_host(admin: Admin) -> None:
    before = admin.host(FIRST).read("/infra/prometheus.yml")
    admin.edit(vmetrics_scrape_interval="33s")
    admin.apply()
    admin.run("rollback", "-l", FIRST, "-t", "vmetrics")
    assert admin.host(FIRST).read("/infra/prometheus.yml") == before
    assert "33s" in admin.host(SECOND).read("/infra/prometheus.yml")


def test_a_saved_plan_is_done_as_it_is_or_not_at_all(admin: Admin) -> None:
    worker = admin.host(WORKER)
    admin.edit(node_etc_hosts=["10.10.10.97 saved.example"], vmetrics_scrape_interval="34s")
    plan = str(admin.home / "monday.plan")
    admin.run("plan", "--out", plan, exits=2)
    worker.run("mv /etc/pki/ca.crt /root && echo other >/etc/pki/ca.crt")
    refused = admin.run("apply", "--plan", plan, exits=1)
    said = " ".join((refused.stdout + refused.stderr).split())
    assert "the plan does not hold any more, and nothing was done" in said
    assert f"{WORKER}: also update /etc/pki/ca.crt" in said
    for ip in (FIRST, WORKER):
        assert "saved.example" not in admin.host(ip).read("/etc/hosts")
    worker.run("mv /root/ca.crt /etc/pki/ca.crt")
    admin.run("apply", "--plan", plan)
    assert "saved.example" in worker.read("/etc/hosts")
    assert not admin.apply()


def test_the_playbook_alone_with_tags_and_limit(admin: Admin) -> None:
    admin.edit(vmetrics_scrape_interval="44s")
    argv = [sys.executable, "-m", "ansible.cli.playbook", "staddle.infra.deploy", "-i", str(admin.inventory)]
    argv += ["--tags", "vmetrics", "--limit", SECOND]
    checked = admin.lab.admin_run([*argv, "--check", "--diff"], env=environment(), cwd=admin.home)
    assert "+  scrape_interval: 44s" in checked.stdout.replace('"', "")
    assert "44s" not in admin.host(SECOND).read("/infra/prometheus.yml")
    admin.lab.admin_run(argv, env=environment(), cwd=admin.home)
    assert "44s" in admin.host(SECOND).read("/infra/prometheus.yml")
    assert "44s" not in admin.host(FIRST).read("/infra/prometheus.yml")
    admin.settled = ""
