"""The fault campaign: one thing is broken at a time, and its alert, and only that, is told within its `for` and 30 s."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.faults import names
from tests.sandbox.sinks import HttpSink
from tests.sandbox.stack import Stack, started, wait_for

from staddle.alerting.catalogue import shipped
from staddle.inventory.parameters import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

pytestmark = [pytest.mark.more, pytest.mark.timeout(600)]

# What the machine is busy with, and restarts that are the test's own doing, are nobody's fault here.
AMBIENT = """
NodeCpuHigh NodeLoadHigh NodeCpuPressure NodeMemoryHigh NodeMemoryExhausted NodeMemoryPressure
NodeSwapping NodeSwapFull NodeOomKill NodeDiskSlow NodeDiskSaturated NodeIoPressure
NodeTcpQueueOverflows NodeTcpRetransmits NodeRebooted NodeDiskFillsUp NodeClockSkew NodeClockUnsynchronised
ScrapeSlow RuleEvaluationMissed RuleEvaluationSlow TargetFlapping ComponentRestarts QueriesRejected
NodeDiskNearlyFull
"""


@dataclass(frozen=True)
class Fault:
    """`breaking` breaks something for as long as it is entered; then `alert` about `ins` is due."""

    name: str
    alert: str
    ins: str
    breaking: Callable[[Stack], AbstractContextManager[object]]


def stopped(component: str) -> Callable[[Stack], AbstractContextManager[object]]:
    @contextmanager
    def breaking(stack: Stack) -> Iterator[None]:
        stack.supervision.call("supervisor.stopProcess", component)
        try:
            yield
        finally:
            stack.supervision.call("supervisor.startProcess", component)

    return breaking


def edited(
    path: str, change: Callable[[str], str], *, reload: str = ""
) -> Callable[[Stack], AbstractContextManager[object]]:
    """A file below the sandbox is not as Staddle wrote it, and its reader is told."""

    @contextmanager
    def breaking(stack: Stack) -> Iterator[None]:
        file = stack.root / path
        before = file.read_text(encoding="utf-8")
        written(stack, file, change(before))
        try:
            yield
        finally:
            written(stack, file, before)

    def written(stack: Stack, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
        if reload:
            os.kill(stack.pids()[reload], signal.SIGHUP)

    return breaking


@contextmanager
def full_disk(stack: Stack) -> Iterator[None]:
    """A file system of its own, on a loop device, nearly full."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk image needs root")
    image, mount = stack.home / "image", stack.home / "disk"
    mount.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=False).returncode:
        pytest.skip("this machine has no loop devices")
    try:
        room = shutil.disk_usage(mount).free
        (mount / "filler").write_bytes(b"x" * int(room * 0.985))
        yield
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _expired(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(
        f"{line.rpartition(' ')[0]} {time.time() - 60:.0f}" if 'certificate="node"' in line else line for line in lines
    ) + "\n"  # fmt: skip


def _replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


TARGETS = "infra/targets/infra/infra-1.yml"
FAULTS = [
    *(Fault(name, "InfraDown", f"{name}-1", stopped(name)) for name in ("vlogs", "vtraces", "blackbox")),
    Fault("nginx_exporter", "InfraDown", "nginx-1", stopped("nginx_exporter")),
    Fault("nginx", "NginxDown", "nginx-1", stopped("nginx")),
    Fault("dnsmasq", "DnsDown", "dnsmasq-1", stopped("dnsmasq")),
    Fault("chronyd", "NtpDown", "box", stopped("chronyd")),
    Fault("node_exporter", "NodeExporterDown", "box", stopped("node_exporter")),
    Fault("log_agent", "LogAgentDown", "box", stopped("log_agent")),
    Fault("a disk image that is full", "NodeDiskFull", "box", full_disk),
    Fault("an expired certificate", "CertificateExpired", "box",
          edited("var/lib/node_exporter/certificates.prom", _expired)),
    Fault("a metrics file that can't be read", "NodeTextfileBroken", "box",
          edited("var/lib/node_exporter/targets.prom", lambda text: text + "nonsense{ 1\n")),
    Fault("rules that are none", "RulesStale", "vmalert-1",
          edited("infra/rules/node.yml", _replaced("expr: ", "expr: up{{"), reload="vmalert")),
    Fault("routes that are none", "RoutesStale", "alertmanager-1",
          edited("etc/alertmanager.yml", _replaced("receiver: ", "receiver: nobody"), reload="alertmanager")),
    Fault("a scrape configuration that is none", "ScrapeConfigStale", "vmetrics-1",
          edited("infra/prometheus.yml", _replaced("scrape_interval", "scrape_intervall"), reload="vmetrics")),
    Fault("modules that are none", "ProbesStale", "blackbox-1",
          edited("etc/blackbox.yml", _replaced("modules:", "modulez:"), reload="blackbox")),
    Fault("targets that nobody scrapes", "TargetsMissing", "box",
          edited(TARGETS, lambda text: text[: text.index("- labels", text.index("- labels") + 1)])),
]  # fmt: skip


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, sink: HttpSink) -> Iterator[Stack]:
    off = ", ".join(f"{name}: {{ enabled: false }}" for name in AMBIENT.split())
    text = f"""\
all:
  children:
    infra:
      hosts: {{ 127.0.0.1: {{ infra_seq: 1, nodename: box }} }}
  vars:
    vmetrics_scrape_interval: 2s
    vmetrics_scrape_timeout: 2s
    alert_receivers: {{ ops: {{ type: webhook, url: "{sink.url}/told" }} }}
    alert_rules: {{ {off} }}
"""
    yield from started(tmp_path_factory.mktemp("faults"), text)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_alert_and_only_that(watched: Stack, sink: HttpSink, fault: Fault) -> None:
    if fault.alert == "NodeExporterDown" and not any((watched.root / "infra/targets/ping").iterdir()):
        pytest.skip("this user may not ping")
    told, news = Told(sink), {(fault.alert, fault.ins)}
    wait_for("all to be well", lambda: told.names("firing") == told.names("resolved"), timeout=120)
    wait_for("scrapes", lambda: watched.query("min(up) == 1"), timeout=120)
    sink.told.clear()
    due = Duration(shipped().alerts[fault.alert].wait).seconds + 30
    with ExitStack() as broken:
        broken.enter_context(fault.breaking(watched))
        start = time.monotonic()
        wait_for(f"{fault.alert} within {due:.0f} s", lambda: news <= told.names("firing"), timeout=due)
        print(f"\n{fault.name}: {fault.alert} after {time.monotonic() - start:.1f} s ({due:.0f} s allowed)")
    wait_for("it to be over", lambda: news <= told.names("resolved"), timeout=180)
    assert told.names("firing") == news


@dataclass(frozen=True)
class Told:
    """What came to the receiver."""

    sink: HttpSink

    def names(self, status: str) -> set[tuple[str, str]]:
        return names(self.sink, status)
