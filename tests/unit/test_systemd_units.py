"""Units for real hosts: what they say, that systemd understands it, and how little they are allowed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import TWO_INFRA, compiled, fleet_of, material_for
from tests.unit.systems import TRIXIE

from staddle.compile import compile_fleet
from staddle.components.base import Confinement, ServiceSpec
from staddle.drive.system import system_layout
from staddle.manifest import systemd
from staddle.manifest.resources import Directory, File, HttpHealth, Symlink

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.manifest.resources import Manifest

ONE = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
    nodes: { hosts: { 10.0.0.2: {} } }
  vars: { admin_ip: 10.0.0.1, vector_log_endpoint: ["http://logs.example:9428"] }
"""
PACKAGED = {"nginx", "chrony"}
# The units of Debian 13, as far as they matter to a drop-in.
DISTRIBUTION = {
    "nginx": "[Unit]\nDescription=nginx\n[Service]\nType=forking\nPIDFile=/run/nginx.pid\n"
    "ExecStartPre=/usr/sbin/nginx -t -q\nExecStart=/usr/sbin/nginx -g 'daemon on;'\n"
    "ExecReload=/usr/sbin/nginx -s reload\nExecStop=-/sbin/start-stop-daemon --stop\nKillMode=mixed\n",
    "chrony": "[Unit]\nDescription=chrony\nConditionCapability=CAP_SYS_TIME\n[Service]\n"
    "Type=forking\nPIDFile=/run/chrony/chronyd.pid\nEnvironmentFile=-/etc/default/chrony\nUser=_chrony\n"
    "ExecStart=!/usr/sbin/chronyd $DAEMON_OPTS\nCapabilityBoundingSet=~CAP_KILL CAP_SYS_ADMIN\n"
    "SystemCallFilter=~@debug @mount\nReadWritePaths=/run\nRestrictAddressFamilies=AF_NETLINK\n",
}


@cache
def hosts(text: str = ONE) -> dict[str, Manifest]:
    fleet = fleet_of(text)
    return compile_fleet(fleet, lambda _: system_layout(TRIXIE), material_for(fleet))


@cache
def units() -> dict[str, str]:
    """All definitions of the INFRA node, by unit name."""
    found = {}
    for block in hosts()["10.0.0.1"].blocks:
        if block.service:
            [file] = [r for r in block.resources if isinstance(r, File) and r.path == block.service.definition]
            found[block.service.name] = file.content.decode()
    return found


def spec(*argv: str, confinement: Confinement | None = None) -> ServiceSpec:
    return ServiceSpec("thing", argv, HttpHealth("http://x/"), confinement=confinement or Confinement("somebody"))


def test_there_is_a_unit_for_every_service() -> None:
    assert set(units()) >= {
        *("alertmanager", "blackbox_exporter", "chrony", "dnsmasq", "nginx", "nginx_exporter", "node_exporter"),
        *("log_agent", "vmalert", "vmetrics"),
    }


def test_a_unit_as_a_whole() -> None:
    assert units()["vmetrics"] == GOLDEN


@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_units_of_the_distribution_get_a_drop_in(name: str) -> None:
    [service] = [b.service for b in hosts()["10.0.0.1"].blocks if b.service and b.service.name == name]
    assert service.definition == f"/etc/systemd/system/{name}.service.d/50-staddle.conf"
    assert "\nExecStart=\n" in units()[name]
    assert "[Install]" not in units()[name]


def test_the_distributions_own_services_for_the_same_programs_are_kept_from_running() -> None:
    links = {
        r.path.rpartition("/")[2]: block
        for block in hosts()["10.0.0.1"].blocks
        for r in block.resources
        if isinstance(r, Symlink) and r.target == "/dev/null"
    }
    for package in ("alertmanager", "blackbox-exporter", "nginx-exporter", "node-exporter"):
        assert f"prometheus-{package}" in links[f"prometheus-{package}.service"].displaces
    assert "victoria-metrics" in links["victoria-metrics.service"].displaces


def test_no_unit_of_ours_is_one_that_we_keep_from_running() -> None:
    for manifest in hosts(TWO_INFRA).values():
        own = {block.service.name for block in manifest.blocks if block.service}
        assert not own & {name for block in manifest.blocks for name in block.displaces}


@pytest.mark.parametrize(
    "argv",
    [
        ("/bin/x", "-a=b", "--c", "d e"),
        ("/bin/x", '--re=^/(dev|proc)($|/)"q"', "it's", "back\\slash", "`cmd`", "$HOME", "${X}", "%n", ""),
        ("/bin/x", "--unicode=äö", "tab\there", "#no", ";"),
    ],
)
def test_words_survive_environment_file_and_unit(argv: tuple[str, ...]) -> None:
    """Read back by the rules of systemd.exec(5): quotes of the file first, then words at white space."""
    [line] = systemd.options(spec(*argv), "note").decode().splitlines()[1:]
    value = re.fullmatch(r'THING_OPTS="(.*)"', line, re.DOTALL)
    assert value
    assert shlex.split(re.sub(r'\\(["\\`$])', r"\1", value[1]), posix=True) == list(argv[1:])


def test_the_program_gets_its_flags_from_the_file_that_the_reference_names() -> None:
    files = {r.path: r for b in hosts()["10.0.0.1"].blocks for r in b.resources if isinstance(r, File)}
    assert "-storageDataPath=/data/infra/metrics" in files["/etc/default/vmetrics"].content.decode()
    assert "ExecStart=/usr/bin/victoria-metrics $VMETRICS_OPTS" in units()["vmetrics"]
    assert files["/etc/default/vmetrics"].on_change == "restart"


def test_programs_behind_the_portal_listen_on_loopback_unless_told_otherwise() -> None:
    def flags(text: str, component: str) -> str:
        files = {r.path: r for b in hosts(text)["10.0.0.1"].blocks for r in b.resources if isinstance(r, File)}
        return files[f"/etc/default/{component}"].content.decode()

    opened = ONE.replace("admin_ip: 10.0.0.1", "infra_expose: intranet, admin_ip: 10.0.0.1")
    for component, port in (("vmetrics", 8428), ("vmalert", 8880), ("alertmanager", 9059), ("blackbox_exporter", 9115)):
        assert f"127.0.0.1:{port}" in flags(ONE, component)
        assert f"=:{port}" in flags(opened, component)
    assert "=:9100" in flags(ONE, "node_exporter")


def test_everything_is_owned_by_accounts_that_the_block_or_its_package_brings() -> None:
    known = {"root", "www-data", "dnsmasq", "_chrony", "prometheus"}
    for manifest in hosts(TWO_INFRA).values():
        declared = known | {account.name for block in manifest.blocks for account in block.accounts}
        for block in manifest.blocks:
            for resource in block.resources:
                if isinstance(resource, File | Directory):
                    assert {resource.owner, resource.group} - {None} <= declared, resource.path


def test_keys_and_secrets_are_nobody_elses() -> None:
    for block in hosts()["10.0.0.1"].blocks:
        for resource in block.resources:
            if isinstance(resource, File) and (resource.secret or resource.path.endswith(".key")):
                assert resource.mode & 0o007 == 0, resource.path


def test_packages_are_named_with_what_they_must_be_at_least() -> None:
    packages = {p.name: p.minimum for b in hosts()["10.0.0.1"].blocks for p in b.packages}
    assert packages["victoria-metrics"] == "1.100"
    assert {"nginx", "chrony", "dnsmasq-base", "prometheus-node-exporter"} <= set(packages)
    assert {p.name for b in hosts()["10.0.0.2"].blocks for p in b.packages} >= {"prometheus-node-exporter", "chrony"}
    assert not [b for b in compiled()["127.0.0.1"].blocks if b.packages or b.accounts or b.displaces]


needs_systemd_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed (Debian: package systemd)"
)


def lay_out(folder: Path, name: str) -> Path:
    """The unit as systemd would find it, the distribution's with the drop-in beside it."""
    path = folder / f"{name}.service"
    if name in PACKAGED:
        path.write_text(DISTRIBUTION[name])
        (folder / f"{name}.service.d").mkdir()
        (folder / f"{name}.service.d/50-staddle.conf").write_text(units()[name])
    else:
        path.write_text(units()[name])
    return path


@needs_systemd_analyze
@pytest.mark.parametrize("name", sorted(units()))
def test_how_exposed_it_is(name: str, tmp_path: Path) -> None:
    argv = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(lay_out(tmp_path, name))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert score, done.stderr
    assert float(score[1]) <= (5.0 if name in {"nginx", "dnsmasq", "chrony"} else 2.0), done.stdout
    assert "Unknown key" not in done.stderr, done.stderr
    assert "Failed to parse" not in done.stderr, done.stderr


GOLDEN = """\
# Managed by Staddle: edit the inventory instead.
[Unit]
Description=VictoriaMetrics (Staddle)
After=network-online.target
Wants=network-online.target
# It goes on trying for ever, at intervals.
StartLimitIntervalSec=0

[Service]
Type=exec
User=victoria
Group=infra
EnvironmentFile=/etc/default/vmetrics
ExecStart=/usr/bin/victoria-metrics $VMETRICS_OPTS
ExecReload=/bin/kill -s HUP $MAINPID
Restart=always
RestartSec=2s
TimeoutStopSec=60s
LimitNOFILE=1048576
MemoryMax=60%
TasksMax=4096
ProtectSystem=strict
NoNewPrivileges=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
UMask=0027
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
PrivateUsers=yes
AmbientCapabilities=
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
ReadWritePaths=/data/infra/metrics

[Install]
WantedBy=multi-user.target
"""
