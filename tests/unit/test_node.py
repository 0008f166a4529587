"""What makes a host a node: each part says what it wants, and each can be switched off."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from configparser import ConfigParser
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import compiled, fleet_of, material_for
from tests.unit.systems import TRIXIE, facts_with

from staddle.compile import compile_fleet
from staddle.converge import host
from staddle.drive.facts import PackageFacts
from staddle.drive.material import admin_keys
from staddle.drive.system import system_layout, unavailable, wanted_packages
from staddle.manifest.resources import File, Installed, Section, Symlink
from staddle.pki.ssh import SshAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.drive.facts import HostFacts
    from staddle.manifest.resources import Block

DAY = 86_400
FLEET = """\
all:
  children:
    infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }} }} }}
    nodes: {{ hosts: {{ 10.0.0.2: {{ {host} }} }} }}
  vars: {{ admin_ip: 10.0.0.1 }}
"""


def blocks(host: str = "nodename: worker", facts: HostFacts = TRIXIE, ip: str = "10.0.0.2") -> dict[str, Block]:
    fleet = fleet_of(FLEET.format(host=host))
    manifest = compile_fleet(fleet, lambda _: system_layout(facts), material_for(fleet))[ip]
    return {block.component: block for block in manifest.blocks}


def text(block: Block, path: str) -> str:
    [resource] = [r for r in block.resources if isinstance(r, File | Section) and r.path == path]
    return resource.content.decode()


@pytest.mark.parametrize(
    ("component", "off"),
    [
        ("host_name", "nodename: worker, nodename_overwrite: false"),
        ("host_name", "node_cluster: c"),
        ("hosts_file", "node_write_etc_hosts: false"),
        ("resolver", "node_dns_method: none"),
        ("timezone", "nodename: worker"),
        ("kernel", "node_sysctl_params: {}"),
        ("kernel_modules", "node_kernel_modules: []"),
        ("limits", "node_limits: false"),
        ("tuning", "node_tune: none"),
        ("swap", "node_disable_swap: false"),
        ("numa", "node_disable_numa: false"),
        ("disk_prefetch", "node_disk_prefetch: false"),
        ("crontab", "node_crontab: []"),
        ("shell", "node_aliases: {}"),
        ("node_packages", "node_packages: [], node_default_packages: []"),
        ("admin_user", "node_admin_enabled: false"),
        ("firewall", "node_firewall_mode: none"),
        ("ntp_client", "node_ntp_enabled: false"),
        ("node_exporter", "node_exporter_enabled: false"),
    ],
)
def test_each_part_can_be_switched_off(component: str, off: str) -> None:
    on = "nodename: worker, node_timezone: Europe/Lisbon, node_disable_swap: true, node_disable_numa: true"
    more = "node_disk_prefetch: true, node_crontab: [x], node_aliases: { a: b }"
    assert component in blocks(f"{on}, {more}")
    assert component not in blocks(off)


def test_a_sandbox_has_none_of_it() -> None:
    assert {block.component for block in compiled()["127.0.0.1"].blocks}.isdisjoint(
        {
            "host_name",
            "hosts_file",
            "resolver",
            "timezone",
            "kernel",
            "admin_user",
            "firewall",
            "ca_trust",
            "ntp_client",
        }
    )


def test_a_name_comes_from_the_inventory_or_from_postgresql_and_from_nothing_else() -> None:
    assert text(blocks()["host_name"], "/etc/hostname") == "worker\n"
    assert text(blocks("pg_cluster: pg-a, pg_seq: 2")["host_name"], "/etc/hostname") == "pg-a-2\n"
    assert "host_name" not in blocks("pg_cluster: pg-a, pg_seq: 2, node_id_from_pg: false")
    assert "host_name" not in blocks(ip="10.0.0.1")


def test_the_hosts_file_gets_the_portal_own_lines_and_the_others_if_asked_for() -> None:
    lines = text(blocks("nodename: w, node_etc_hosts: [10.0.0.9 nine]")["hosts_file"], "/etc/hosts").splitlines()
    assert lines == ["10.0.0.1 i.staddle", "10.0.0.9 nine"]
    assert "10.0.0.2 w" in text(blocks("nodename: w, nodename_exchange: true")["hosts_file"], "/etc/hosts")


@pytest.mark.parametrize(
    ("method", "before", "after"),
    [
        ("add", (), ["10.0.0.1"]),
        ("add", ("192.0.2.1", "10.0.0.1"), ["10.0.0.1", "192.0.2.1"]),
        ("add", ("192.0.2.1", "192.0.2.2", "192.0.2.3"), ["10.0.0.1", "192.0.2.1", "192.0.2.2"]),
        ("overwrite", ("192.0.2.1",), ["10.0.0.1"]),
    ],
)
def test_name_servers_are_put_first_or_instead(
    method: str, before: tuple[str, ...], after: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = replace(TRIXIE, nameservers=before, search=("corp.example",))
    lines = text(blocks(f"node_dns_method: {method}", facts)["resolver"], "/etc/resolv.conf").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("nameserver")] == after
    assert "search corp.example" in lines
    # What was there before us is what is found the next time: nothing changes, and what is ours can go.
    (tmp_path / "resolv.conf").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(host, "RESOLV_CONF", str(tmp_path / "resolv.conf"))
    assert tuple(host._nameservers()) == before


def test_what_manages_resolv_conf_already_is_told_instead() -> None:
    resolved = blocks(facts=replace(TRIXIE, features=frozenset({"systemd-resolved"})))["resolver"]
    assert "DNS=10.0.0.1\n" in text(resolved, "/etc/systemd/resolved.conf.d/50-staddle.conf")
    manager = blocks(facts=replace(TRIXIE, features=frozenset({"networkmanager"})))["resolver"]
    assert "servers=10.0.0.1,192.0.2.53\n" in text(manager, "/etc/NetworkManager/conf.d/50-staddle.conf")
    for block in (resolved, manager):
        assert "/etc/resolv.conf" not in {resource.path for resource in block.resources}
        assert [command.undo for command in block.commands] == [block.commands[0].argv]


def test_a_server_that_is_switched_off_is_asked_nothing() -> None:
    text_off = FLEET.format(host="").replace("admin_ip: 10.0.0.1", "admin_ip: 10.0.0.1, dns_enabled: false")
    fleet = fleet_of(text_off)
    manifest = compile_fleet(fleet, lambda _: system_layout(TRIXIE), material_for(fleet))["10.0.0.2"]
    [block] = [block for block in manifest.blocks if block.component == "resolver"]
    assert not block.resources


def test_clocks_of_nodes_ask_the_infra_nodes_and_serve_nobody() -> None:
    config = text(blocks()["ntp_client"], "/etc/chrony/chrony.conf").splitlines()
    assert "server 10.0.0.1 port 123 iburst" in config
    assert "allow 127.0.0.1" in config
    assert "allow all" not in config
    server = text(blocks(ip="10.0.0.1")["chronyd"], "/etc/chrony/chrony.conf").splitlines()
    assert "pool pool.ntp.org iburst" in server
    assert "allow all" in server


def test_a_host_that_may_not_set_its_clock_is_not_asked_to() -> None:
    facts = replace(TRIXIE, clock=False)
    block = blocks(facts=facts)["ntp_client"]
    assert " -x " in text(block, "/etc/default/chrony")
    assert "makestep" not in text(block, "/etc/chrony/chrony.conf")
    assert "ConditionCapability=\n" in text(block, "/etc/systemd/system/chrony.service.d/50-staddle.conf")


def test_the_firewall_lets_in_the_intranet_public_ports_and_always_us() -> None:
    host = "ansible_port: 2222, node_firewall_public_port: [443], node_firewall_intranet: [10.0.0.0/8, 'fd00::/8']"
    rules = text(blocks(host)["firewall"], "/etc/staddle/firewall.nft")
    assert "policy drop;" in rules
    assert "tcp dport { 443, 2222 } accept" in rules
    assert "ip saddr { 10.0.0.0/8 } accept" in rules
    assert "ip6 saddr { fd00::/8 } accept" in rules


def test_a_firewall_that_is_at_work_is_told_and_not_joined_by_another() -> None:
    told = blocks(facts=replace(TRIXIE, features=frozenset({"ufw-active"})))["firewall"]
    assert not told.packages
    assert told.commands[0].name == "ufw"
    assert {"allow 22/tcp", "allow from 10.0.0.0/8"} <= set(told.commands[0].argv)
    told = blocks(facts=replace(TRIXIE, features=frozenset({"firewalld-active"})))["firewall"]
    assert '<source address="10.0.0.0/8"/>' in text(told, "/etc/firewalld/zones/staddle-trusted.xml")
    assert '<port port="22" protocol="tcp"/>' in text(told, "/etc/firewalld/policies/staddle.xml")
    for block in (told, blocks()["firewall"], blocks("node_firewall_mode: off")["firewall"]):
        assert all(command.undo for command in block.commands), "what is told can be taken back"


def test_switched_off_it_is_the_same_whether_one_is_at_work_or_not() -> None:
    off = blocks("node_firewall_mode: off")["firewall"]
    assert not off.packages
    assert off == blocks("node_firewall_mode: off", replace(TRIXIE, features=frozenset({"ufw-active"})))["firewall"]


def test_packages_are_kept_at_the_latest_version_or_only_there() -> None:
    found = {"openssh_server": "1:10.0p1-7", "jq": "1.7.1-6", "htop": "3.4.1-5"}
    facts = facts_with(TRIXIE, **{name.replace("_", "-"): PackageFacts("1", new) for name, new in found.items()})
    assert blocks(facts=facts)["node_packages"].packages == (
        Installed("openssh-server", "1:10.0p1-7"),
        Installed("jq"),
    ), "of the tools only those that can be had"
    own = blocks("node_packages: 'htop, openssh-server', node_default_packages: [nano]", facts)["node_packages"]
    assert own.packages == (Installed("htop", "3.4.1-5"), Installed("openssh-server", "1:10.0p1-7"), Installed("nano"))
    assert {"nano", "curl"} <= set(
        wanted_packages(fleet_of(FLEET.format(host="node_default_packages: [nano]")).nodes[1])
    )


@pytest.mark.parametrize(
    ("own", "pages"),
    [
        ("node_hugepage_count: 100, node_hugepage_ratio: 0.5", "100"),
        ("node_hugepage_ratio: 0.5", "2048"),
        ("node_hugepage_ratio: 1", "3686"),
    ],
)
def test_huge_pages_are_counted_or_a_share_that_leaves_a_tenth(own: str, pages: str) -> None:
    kernel = blocks(own, replace(TRIXIE, memory=8 * 1024 * 1024))["kernel"]
    assert f"vm.nr_hugepages = {pages}\n" in text(kernel, "/etc/sysctl.d/60-staddle.conf")


def test_overcommit_is_limited_only_if_asked_for() -> None:
    assert "overcommit" not in text(blocks()["kernel"], "/etc/sysctl.d/60-staddle.conf")
    limited = text(blocks("node_overcommit_ratio: 80")["kernel"], "/etc/sysctl.d/60-staddle.conf")
    assert "vm.overcommit_memory = 2\nvm.overcommit_ratio = 80\n" in limited


def test_a_container_is_not_asked_for_what_is_its_hosts_to_give() -> None:
    inside = blocks(facts=replace(TRIXIE, features=frozenset({"fixed-limits", "fixed-modules"})))
    assert not inside["limits"].resources, "who can't be given what stands there can't log in"
    assert not inside["kernel_modules"].resources
    assert "* hard nofile 655360\n" in text(blocks()["limits"], "/etc/security/limits.d/50-staddle.conf")
    assert "ip_vs_rr\n" in text(blocks()["kernel_modules"], "/etc/modules-load.d/50-staddle.conf")


@pytest.mark.parametrize("profile", ["oltp", "olap", "crit", "tiny"])
def test_profiles_are_where_the_hosts_tuned_looks_for_them(profile: str) -> None:
    older = facts_with(TRIXIE, tuned=PackageFacts(None, "2.20.0-1"))
    new, old = blocks(f"node_tune: {profile}"), blocks(f"node_tune: {profile}", older)
    content = text(new["tuning"], f"/etc/tuned/profiles/{profile}/tuned.conf")
    assert text(old["tuning"], f"/etc/tuned/{profile}/tuned.conf") == content
    assert text(new["tuning"], "/etc/tuned/active_profile") == f"{profile}\n"
    parsed = ConfigParser(interpolation=None)
    parsed.read_string(content)
    assert int(parsed["sysctl"]["vm.dirty_background_bytes"]) < int(parsed["sysctl"]["vm.dirty_bytes"])


def test_without_tuned_there_is_no_profile_and_it_is_said() -> None:
    bare = facts_with(TRIXIE, tuned=PackageFacts(None, None))
    assert "tuning" not in blocks(facts=bare)
    assert [line for line in unavailable(fleet_of(FLEET.format(host="")).nodes[1], bare) if "has tuned" in line]


def test_clients_of_dhcp_are_kept_off_what_we_write() -> None:
    facts = replace(TRIXIE, features=frozenset({"dhclient", "dhcpcd"}))
    kept = blocks(facts=facts)["resolver"]
    assert "make_resolv_conf() { :; }" in text(kept, "/etc/dhcp/dhclient-enter-hooks.d/staddle")
    assert text(kept, "/etc/dhcpcd.conf") == "nohook resolv.conf\n"
    assert len(blocks("node_static_network: false", facts)["resolver"].resources) == 1


def test_jobs_replace_the_table_or_are_added_to_it() -> None:
    job = "node_crontab: ['0 3 * * * root true']"
    assert text(blocks(job)["crontab"], "/etc/crontab").endswith("\n0 3 * * * root true\n")
    assert isinstance(blocks(f"{job}, node_crontab_overwrite: false")["crontab"].resources[-1], Section)


def test_aliases_are_quoted() -> None:
    own = blocks("""node_aliases: { p: "echo 'it''s'" }""")["shell"]
    assert "alias p='echo '" in text(own, "/etc/profile.d/staddle-aliases.sh")


def test_the_administrator_is_who_the_inventory_says() -> None:
    block = blocks("node_admin_username: joe, node_admin_sudo: all, node_admin_pk_list: [ssh-ed25519 AAAA me]")[
        "admin_user"
    ]
    assert text(block, "/etc/sudoers.d/50-staddle-joe").splitlines()[1] == "joe ALL=(ALL:ALL) ALL"
    assert text(block, "/home/joe/.ssh/authorized_keys") == "ssh-ed25519 AAAA me\n"
    none = blocks("node_admin_sudo: none")["admin_user"]
    assert not none.packages
    assert not [resource for resource in none.resources if "sudoers" in resource.path]


def test_who_runs_staddle_is_let_in_unless_told_otherwise() -> None:
    def keys(host: str) -> list[str]:
        fleet = fleet_of(FLEET.format(host=host))
        material = replace(material_for(fleet), admin_keys=("ssh-ed25519 AAAA me", "ssh-ed25519 BBBB you"))
        manifest = compile_fleet(fleet, lambda _: system_layout(TRIXIE), material)["10.0.0.2"]
        sections = [r for b in manifest.blocks for r in b.resources if isinstance(r, Section)]
        return [line for s in sections if "authorized_keys" in s.path for line in s.content.decode().splitlines()]

    assert keys("node_admin_pk_list: [ssh-ed25519 BBBB you]") == ["ssh-ed25519 BBBB you", "ssh-ed25519 AAAA me"]
    assert keys("node_admin_pk_current: false, node_admin_pk_list: [ssh-ed25519 CCCC]") == ["ssh-ed25519 CCCC"]
    assert keys("node_admin_pk_current: false") == []


def test_keys_of_administrators_are_collected(tmp_path: Path) -> None:
    kept, mine = tmp_path / "admin-keys.pub", tmp_path / ".ssh"
    assert admin_keys(kept, mine) == ()
    assert not kept.exists()
    mine.mkdir()
    (mine / "id_ed25519.pub").write_text("ssh-ed25519 AAAA me@here\n")
    (mine / "id_ed25519").write_text("secret")
    kept.write_text("ssh-ed25519 BBBB you\n")
    assert admin_keys(kept, mine) == ("ssh-ed25519 BBBB you", "ssh-ed25519 AAAA me@here")
    (mine / "id_ed25519.pub").write_text("ssh-ed25519 AAAA me@elsewhere\n")
    assert admin_keys(kept, mine) == ("ssh-ed25519 BBBB you", "ssh-ed25519 AAAA me@here"), "the same key"


def test_administrators_may_log_in_between_nodes_by_one_key_that_all_know(tmp_path: Path) -> None:
    fleet = fleet_of(FLEET.format(host=""))
    authority = SshAuthority(tmp_path)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    identity = authority.ensure("10.0.0.2", "dba", 90 * DAY, now)
    material = replace(material_for(fleet), ssh_ca=authority.public, ssh={"10.0.0.2": identity})

    def admin(host: str) -> Block:
        manifest = compile_fleet(fleet_of(FLEET.format(host=host)), lambda _: system_layout(TRIXIE), material)[
            "10.0.0.2"
        ]
        return next(block for block in manifest.blocks if block.component == "admin_user")

    on = admin("nodename: w")
    assert text(on, "/home/dba/.ssh/authorized_keys") == f'cert-authority,principals="dba" {authority.public}\n'
    assert text(on, "/home/dba/.ssh/config").startswith("Host 10.0.0.1 10.0.0.2 infra-1 w\n    IdentityFile")
    [key] = [r for r in on.resources if isinstance(r, File) and r.path.endswith("id_staddle")]
    assert (key.mode, key.secret) == (0o600, True)
    off = admin("node_admin_ssh_exchange: false")
    assert not [r for r in off.resources if "id_staddle" in r.path or r.path.endswith(("config", "authorized_keys"))]


def test_certificates_of_administrators_are_kept_as_long_as_they_are_good(tmp_path: Path) -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    first = SshAuthority(tmp_path).ensure("10.0.0.2", "dba", 90 * DAY, now)
    assert SshAuthority(tmp_path).ensure("10.0.0.2", "dba", 90 * DAY, now + dt.timedelta(days=59)) == first
    later = SshAuthority(tmp_path).ensure("10.0.0.2", "dba", 90 * DAY, now + dt.timedelta(days=61))
    assert (later.key, later.certificate == first.certificate) == (first.key, False)
    assert SshAuthority(tmp_path).ensure("10.0.0.2", "joe", 90 * DAY, now).certificate != later.certificate
    if shutil.which("ssh-keygen"):
        shown = subprocess.run(
            ["ssh-keygen", "-Lf", tmp_path / "10.0.0.2/id-cert.pub"], capture_output=True, text=True, check=True
        )
        assert "source-address 10.0.0.2/32" in shown.stdout
        assert "joe" in shown.stdout


def test_the_prober_may_ping_without_a_capability() -> None:
    assert "net.ipv4.ping_group_range" in text(blocks(ip="10.0.0.1")["kernel"], "/etc/sysctl.d/60-staddle.conf")
    assert "ping_group_range" not in text(blocks()["kernel"], "/etc/sysctl.d/60-staddle.conf")


def test_the_time_zone_must_be_one() -> None:
    block = blocks("node_timezone: Europe/Lisbon")["timezone"]
    assert Symlink("/etc/localtime", "/usr/share/zoneinfo/Europe/Lisbon") in block.resources
    assert block.validators[0].argv[-1] == "/usr/share/zoneinfo/Europe/Lisbon"


def test_logs_are_not_sent_where_no_store_can_run() -> None:
    assert not [b for b in blocks().values() if b.component == "log_agent" and b.service]
    assert "vlogs" not in blocks(ip="10.0.0.1")
