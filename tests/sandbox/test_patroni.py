"""Patroni's cluster of two: both members are seen, a failover is, and what is wrong with it is told: that, and nothing else.

Debian's etcd and Patroni with PostgreSQL, as they are. The sandbox is one node: its second member is elsewhere, and the
target of its Patroni is put beside the others by hand, as a node's own registration would.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.sandbox.dashboards import wait_for_dashboards
from tests.sandbox.debian import ETCD, debian
from tests.sandbox.dns import dns_query
from tests.sandbox.patroni import PATRONI, Member, member, wait_for_role
from tests.sandbox.stack import Stack, free_port, started, wait_for
from tests.sandbox.test_modules import rows

from staddle.alerting.catalogue import runbooks, shipped
from staddle.alerting.lint import expression, metrics_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = [pytest.mark.more, pytest.mark.timeout(900)]

QUIET = ("vtraces", "alertmanager", "blackbox", "node_exporter", "nginx_exporter", "grafana", "console")
NEAR, FAR = "127.0.0.1", "127.0.0.2"
LASTING = "PostgresRoleChanged"
"""Told for ten minutes after a failover, whatever comes next."""
RULES = {
    # Servers of tests write without fsync, and are restarted by them.
    **{name: {"enabled": False} for name in ("PostgresDurabilityOff", "PostgresRestarted")},
    # Nobody wants to wait for an hour.
    "PatroniPaused": {"for": "5s"},
    "PatroniDcsUnreachable": {"threshold": "10s", "for": "5s"},
}


@dataclass
class Around:
    """What runs beside the stack."""

    stack: Stack
    etcd: subprocess.Popen[bytes]
    first: Member
    second: Member
    begun: float = field(default_factory=time.time)

    def register_second(self) -> None:
        """What a second node would add to the targets of the first."""
        folder = self.stack.root / "data/infra/targets/pgsql"
        own = yaml.safe_load((folder / "pg-test-1.yml").read_text())
        [entry] = [entry for entry in own if entry["labels"].get("exporter") == "patroni"]
        text = json.dumps(entry).replace(f":{self.first.api}", f":{self.second.api}")
        text = text.replace("pg-test-1", "pg-test-2").replace(f'"ip": "{NEAR}"', f'"ip": "{FAR}"')
        (folder / "pg-test-2-patroni.yml").write_text(json.dumps([json.loads(text)]))

    def value(self, query: str) -> float | None:
        found = self.stack.query(query)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def wait_until(self, query: str, truth: float, timeout: float = 60) -> None:
        wait_for(f"{query} to be {truth:g}", lambda: self.value(query) == truth, timeout)

    def leads_to(self) -> list[str]:
        return list(dns_query(self.stack.port(10053), "pg-test"))

    def settled(self) -> None:
        """Nothing fires any more; from here on alerts are new ones."""
        firing = f'ALERTS{{module="pgsql",alertstate="firing",alertname!="{LASTING}"}}'
        wait_for("all to be well", lambda: not self.stack.query(firing), 180)
        self.begun = time.time()

    def told(self, without: str = "") -> dict[tuple[str, str], dict[str, str]]:
        """The alerts that fired since then, by name and instance."""
        window = f"{max(1, int(time.time() - self.begun))}s"
        query = f'last_over_time(ALERTS{{module="pgsql",alertstate="firing"}}[{window}])'
        labels = [series["metric"] for series in self.stack.query(query)]
        found = [each for each in labels if each["alertname"] != without]
        return {(each["alertname"], each.get("ins", "")): each for each in found}

    def wait_for_alerts(self, *due: tuple[str, str], within: float = 120) -> dict[tuple[str, str], dict[str, str]]:
        wait_for(lambda: f"alerts {set(due) - self.told().keys()}", lambda: set(due) <= self.told().keys(), within)
        return self.told()


def inventory(first: Member, second: Member) -> str:
    url = f"postgresql://dbuser_monitor@/postgres?host={second.server.home}&port={second.server.port}"
    remote = {"pg_cluster": "pg-test", "pg_seq": 2, "pg_role": "replica", "pg_host": FAR, "pg_exporter_url": url}
    own = {
        "infra_seq": 1, "nodename": "box", "pg_exporters": {9640: remote},
        "pg_cluster": "pg-test", "pg_seq": 1, "pg_role": "primary",
        "pg_localhost": str(first.server.home), "pg_port": first.server.port,
        "patroni_enabled": True, "patroni_port": first.api, "patroni_log_dir": "/logs/patroni",
    }  # fmt: skip
    settings = {
        **{f"{name}_enabled": False for name in QUIET},
        "node_ntp_enabled": False,
        "vmetrics_scrape_interval": "2s",
        "vmetrics_scrape_timeout": "2s",
        "alert_rules": RULES,
    }
    return json.dumps({"all": {"children": {"infra": {"hosts": {NEAR: own}}}, "vars": settings}})


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    with contextlib.ExitStack() as keep:
        programs = keep.enter_context(debian(ETCD, PATRONI))
        clients, peers = free_port(), f"http://127.0.0.1:{free_port()}"
        url = f"http://127.0.0.1:{clients}"
        etcd = keep.enter_context(
            programs.running(
                "etcd",
                *(f"--data-dir={programs.home}/etcd", f"--listen-client-urls={url}", f"--advertise-client-urls={url}"),
                *(f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}"),
                f"--initial-cluster=default={peers}",
            )
        )
        home = tmp_path_factory.mktemp("patroni")
        logs = [home / "sandbox/logs/patroni", programs.home / "patroni-2"]
        for folder in logs:
            folder.mkdir(parents=True)
            for above in (folder, *folder.parents):
                if above.stat().st_mode & 0o005 != 0o005:
                    above.chmod(0o755)  # whoever isn't root writes logs below it
        first = keep.enter_context(member(programs, "pg-test-1", NEAR, clients, logs[0]))
        second = keep.enter_context(member(programs, "pg-test-2", FAR, clients, logs[1]))
        first.start()
        wait_for_role(first, "primary", "master")
        second.start()
        first.server.sql("CREATE ROLE dbuser_monitor LOGIN IN ROLE pg_monitor")
        wait_for_role(second, "replica")
        stack = keep.enter_context(contextlib.contextmanager(started)(home, inventory(first, second)))
        found = Around(stack, etcd, first, second)
        found.register_second()
        wait_for("both Patronis", lambda: len(stack.query('up{exporter="patroni"} == 1')) == 2, 60)
        yield found


def test_both_members_are_seen_as_they_see_themselves(around: Around) -> None:
    wait_for("scrapes", lambda: len(around.stack.query("patroni_postgres_running == 1")) == 2, 30)
    for one, role in ((around.first, "primary"), (around.second, "replica")):
        [series] = around.stack.query(f'patroni_{role}{{ins="{one.name}"}}')
        assert series["value"][1] == "1"
        labels = {name: series["metric"][name] for name in ("job", "cls", "ins", "ip", "exporter", "scope")}
        assert labels == {
            "job": "pgsql", "cls": "pg-test", "ins": one.name, "ip": one.address,
            "exporter": "patroni", "scope": "pg-test",
        }  # fmt: skip
    said = json.loads(around.first.ask("patroni"))
    assert around.value('patroni_postgres_server_version{ins="pg-test-1"}') == said["server_version"]
    assert around.value('patroni_postgres_timeline{ins="pg-test-2"}') == said["timeline"] == 1
    assert around.leads_to() == [NEAR]


def test_alerts_and_runbooks_ask_for_what_patroni_gives(around: Around) -> None:
    given = set(re.findall(r"^(patroni_\w+) ?\{", around.first.ask("metrics"), re.MULTILINE))
    recorded = (Path(__file__).parent / "patroni-3.0.2.txt").read_text()
    assert set(re.findall(r"^(patroni_\w+)\{", recorded, re.MULTILINE)) == given
    alerts = [alert for alert in shipped().alerts.values() if alert.name.startswith("Patroni")]
    asked = {name for alert in alerts for name in metrics_of(expression(alert)) if name != "up"}
    assert asked
    assert asked <= given
    assert set(re.findall(r"\b(patroni_\w+)", "".join(runbooks("")[alert.name] for alert in alerts))) <= given


def test_its_dashboard_has_something_to_show(around: Around) -> None:
    wait_for_dashboards(around.stack, "pgsql-patroni")


def test_its_log_is_rows_with_levels_and_labels(around: Around) -> None:
    wanted = 'job:patroni level:info "the leader with the lock"'
    [row] = wait_for("its log", lambda: rows(around.stack, f"{wanted} | limit 1"), 60)
    assert {name: row[name] for name in ("cls", "ins", "ip")} == {"cls": "pg-test", "ins": "pg-test-1", "ip": NEAR}
    assert row["_msg"].startswith("no action. I am (pg-test-1)")
    assert not rows(around.stack, "job:patroni level:unknown")


def test_a_primary_that_is_gone_is_told_and_its_replica_takes_its_place(around: Around) -> None:
    around.settled()
    around.first.kill()
    begun = time.monotonic()
    wait_for_role(around.second, "primary", "master")
    promoted = time.monotonic()
    wait_for("the name to follow", lambda: around.leads_to() == [FAR], 30)
    print(
        f"\na replica took over after {promoted - begun:.1f} s; the name followed {time.monotonic() - promoted:.1f} s later"
    )
    around.wait_until('patroni_primary{ins="pg-test-2"}', 1)
    around.wait_until("pg:cls:primaries", 1)
    due = {("PatroniDown", "pg-test-1"), ("PostgresDown", "pg-test-1"), ("PostgresRoleChanged", "pg-test-2")}
    told = around.wait_for_alerts(*due)
    assert told.keys() == due
    labels = {name: {key: alert[key] for key in ("job", "cls", "ip", "severity")} for (name, _), alert in told.items()}
    common = {"job": "pgsql", "cls": "pg-test"}
    assert labels == {
        "PatroniDown": {**common, "ip": NEAR, "severity": "CRIT"},
        "PostgresDown": {**common, "ip": NEAR, "severity": "CRIT"},
        "PostgresRoleChanged": {**common, "ip": FAR, "severity": "INFO"},
    }


def test_who_comes_back_is_a_replica_and_all_is_well(around: Around) -> None:
    around.first.start()
    wait_for_role(around.first, "replica")
    around.wait_until('patroni_replica{ins="pg-test-1"}', 1)
    around.wait_until('patroni_postgres_timeline{ins="pg-test-1"}', 2)
    assert around.leads_to() == [FAR]
    around.settled()


def test_without_etcd_the_cluster_is_in_failsafe_mode_and_keeps_its_primary(around: Around) -> None:
    around.etcd.send_signal(signal.SIGSTOP)
    due = {
        ("PatroniFailsafeActive", ""),
        ("PatroniDcsUnreachable", "pg-test-1"),
        ("PatroniDcsUnreachable", "pg-test-2"),
    }
    try:
        around.wait_for_alerts(*due)
        assert around.told(LASTING).keys() == due
        assert around.leads_to() == [FAR]
    finally:
        around.etcd.send_signal(signal.SIGCONT)
    around.settled()
    assert around.second.state[0] in {"primary", "master"}


def test_a_paused_cluster_is_told_and_that_nobody_takes_over_then(around: Around) -> None:
    """The last one: it leaves its primary dead."""
    primary, replica = around.first, around.second
    if primary.state[0] == "replica":
        primary, replica = replica, primary
    wait_for("the name", lambda: around.leads_to() == [primary.address], 30)
    around.settled()
    replica.ask("config", "PATCH", {"pause": True})
    around.wait_for_alerts(("PatroniPaused", ""))
    primary.kill()
    due = {("PatroniPaused", ""), ("PatroniNoLeader", ""), ("PostgresNoPrimary", ""),
           ("PatroniDown", primary.name), ("PostgresDown", primary.name)}  # fmt: skip
    around.wait_for_alerts(*due, within=180)
    # The replica may say by then that it gets nothing.
    assert around.told(LASTING).keys() - {("PostgresReplicationBroken", replica.name)} == due
    assert around.leads_to() == [primary.address]
