"""The lab keeps what it promises: real hosts, an isolated network, nothing left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab import CommandFailedError, HostSpec, Lab, LabError, cgroups, keys, network, store
from tests.lab.lab import sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.fixtures import Boot

ROOT = Path(__file__).parents[2]
ELSEWHERE = "203.0.113.1"  # an address that nobody has


@pytest.fixture(scope="module")
def four(lab: Boot) -> Lab:
    """Two hosts of each release. Tests leave them as they found them, but for installed packages."""
    return lab(hosts=[HostSpec("bookworm"), HostSpec("bookworm"), HostSpec("trixie"), HostSpec("trixie")])


def connecting(*addresses: str) -> list[str]:
    """A command that connects to sshd there and prints how each greets it, or the number of the error."""
    program = (
        "import socket, sys\n"
        "for address in sys.argv[1:]:\n"
        "    try: print(socket.create_connection((address, 22), 3).recv(8).decode())\n"
        "    except OSError as e: print(e.errno)"
    )
    return ["python3", "-c", program, *addresses]


# --- hosts


def test_hosts_are_whole_debian_systems(four: Lab) -> None:
    asked = """. /etc/os-release; echo $VERSION_CODENAME
hostname; readlink -f /proc/1/exe; systemctl is-system-running; loginctl --no-legend list-users | grep -c root
cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub"""
    own = set()
    for host, result in zip(four.hosts, four.each(lambda host: host.run(asked)), strict=True):
        answers = result.stdout.splitlines()
        assert answers[:5] == [host.release, host.name, "/usr/lib/systemd/systemd", "running", "1"]
        own.update(answers[5:])
    assert len(own) == 2 * len(four.hosts)


def test_images_hold_nothing_of_this_machine_and_no_place_to_get_packages_from(four: Lab) -> None:
    for host in four.hosts[::2]:
        image = Path((host.home / "image").read_text(encoding="utf-8"))
        assert not [*image.glob("etc/apt/sources.list*/*"), *image.glob("etc/apt/apt.conf.d/*mmdebstrap")]
        assert not [*image.glob("var/lib/apt/lists/*_*"), *image.glob("etc/ssh/ssh_host*")]
        assert (image / "etc/resolv.conf").read_text(encoding="utf-8") == ""
        assert not (image / "etc/hostname").exists()


def test_root_and_an_ordinary_user_log_in_by_key_and_nobody_else(four: Lab, tmp_path: Path) -> None:
    assert {r.stdout for r in four.each(lambda host: host.run("id -un"))} == {"root\n"}
    as_user = four.each(lambda host: host.run("id -un; sudo -n id -un", user="debian"))
    assert {r.stdout for r in as_user} == {"debian\nroot\n"}
    host, key = four.hosts[0], tmp_path / "key"
    keys.generate(key, "a stranger's")
    result = four.admin_run(
        ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-i", str(key), host.name, "true"], check=False
    )
    assert "Permission denied" in result.stderr


def test_a_host_that_is_not_who_it_was_is_not_talked_to(four: Lab) -> None:
    one, other = four.hosts[:2]
    result = four.admin_run(["ssh", "-o", f"HostKeyAlias={other.name}", one.name, "true"], check=False)
    assert "Host key verification failed" in result.stderr


def test_a_failed_command_says_where_what_and_why(four: Lab) -> None:
    with pytest.raises(CommandFailedError, match=r"(?s)lab-h1: `ls /nowhere` exited 2.*No such file") as caught:
        four["lab-h1"].run(["ls", "/nowhere"])
    assert caught.value.result.returncode == 2
    assert four["lab-h1"].run("exit 7", check=False).returncode == 7
    with pytest.raises(LabError, match="longer than"):
        four["lab-h1"].run("sleep 9", timeout=0.5)
    with pytest.raises(LabError, match="has no host h9; there are lab-h1, lab-h2"):
        four["h9"]


def test_files_and_directories_go_there_and_back(four: Lab, tmp_path: Path) -> None:
    host = four["h3"]
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/data").write_bytes(bytes(range(256)))
    host.put(tree, "/srv/tree")
    host.get("/srv/tree/sub", tmp_path / "back")
    assert (tmp_path / "back/data").read_bytes() == bytes(range(256))
    host.write("/srv/new dir/it's", "grüße\n", mode=0o600)
    assert host.read("/srv/new dir/it's") == "grüße\n"
    assert host.run("stat -c %a /srv/new*/*").stdout.strip() == "600"


# --- network


def test_hosts_and_admin_see_each_other(four: Lab) -> None:
    greeted = four.each(lambda host: host.run(connecting(*(other.ip for other in four.hosts))))
    assert [r.stdout.split() for r in greeted] == [["SSH-2.0-"] * 4] * 4
    four.each(lambda host: host.run("ping -c1 -W2 10.10.10.1", user="debian"))
    for host in four.hosts:
        with four.connect(host.name, 22) as connection:  # from this process
            assert connection.recv(8) == b"SSH-2.0-"
    assert four.admin_run(["ssh", four["h2"].ip, "hostname"]).stdout.strip() == "lab-h2"
    assert four.admin_run(["ssh", "debian@lab-h3", "echo $SSH_CLIENT"]).stdout.split()[0] == "10.10.10.1"


def test_nothing_leads_out(four: Lab) -> None:
    tries = shlex.join(connecting(ELSEWHERE, "2001:db8::1"))
    for result in four.each(lambda host: host.run(f"{tries}; ip route")):
        check_no_way_out(result.stdout)
    check_no_way_out(four.admin_run(["sh", "-c", f"{tries}; ip route"]).stdout)


def check_no_way_out(answers: str) -> None:
    v4, v6, *routes = answers.splitlines()
    assert [v4, v6] == [str(errno.ENETUNREACH)] * 2
    assert [route.split()[0] for route in routes] == ["10.10.10.0/24"]


def test_the_labs_addresses_lead_nowhere_outside_of_it(four: Lab) -> None:
    # Only asks the kernel what it would do: sends nothing.
    answer = subprocess.run(["ip", "route", "get", four.hosts[0].ip], capture_output=True, text=True, check=False)
    assert "No route to host" in answer.stderr
    with pytest.raises(OSError, match="No route to host"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((four.hosts[0].ip, 9))


def test_a_host_can_be_cut_off(four: Lab) -> None:
    host, other = four.hosts[1:3]
    host.cut_network()
    try:
        assert other.run(["ping", "-c1", "-W1", host.ip], check=False).returncode != 0
        assert host.console("hostname; systemctl is-active ssh").stdout.split() == [host.name, "active"]
    finally:
        host.restore_network()
    assert host.run("hostname").stdout.strip() == host.name


# --- power


def test_power_off_and_on_keeps_the_disk(four: Lab) -> None:
    host, other = four.hosts[1], four.hosts[2]
    for hard in (False, True):
        boot, machine = host.boot_id(), host.console("cat /etc/machine-id").stdout
        host.run(f"echo {boot} > /root/kept; sync; ip addr add 192.0.2.77/32 dev lo; touch /run/gone")
        host.power_off(hard=hard)
        assert not host.powered
        assert other.run(["ping", "-c1", "-W1", host.ip], check=False).returncode != 0
        with pytest.raises(LabError, match="is not up"):
            host.console("true")
        host.power_on()
        assert host.boot_id() != boot
        assert host.run("cat /root/kept /etc/machine-id").stdout == f"{boot}\n{machine}"
        assert "192.0.2.77" not in host.run("ip addr; test ! -e /run/gone").stdout


@pytest.mark.parametrize("number", [1, 3])
def test_reboot(four: Lab, number: int) -> None:
    host = four.hosts[number]
    before = host.boot_id()
    host.run("hostnamectl set-hostname renamed-1")
    host.reboot()
    assert host.boot_id() != before
    assert host.run("hostname").stdout.strip() == "renamed-1"
    host.run(["hostnamectl", "set-hostname", host.name])


def test_a_host_that_boots_badly_is_named_with_what_failed(four: Lab) -> None:
    host = four.hosts[3]
    unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
    host.write("/etc/systemd/system/broken.service", unit)
    host.run("systemctl enable -q broken.service")
    host.power_off()
    with pytest.raises(LabError, match=r"lab-h4 is up but degraded: broken\.service$"):
        host.power_on()
    host.run("systemctl disable -q broken.service; systemctl reset-failed; rm /etc/systemd/system/broken.service")
    host.wait_ready()


# --- packages


def test_hosts_install_what_the_lab_serves_and_nothing_else(four: Lab) -> None:
    bookworm, trixie = four["h1"], four["h3"]
    assert bookworm.run("apt-get install -y nginx-light", check=False).returncode != 0
    four.serve_packages(["nginx-light"])
    four.each(lambda host: host.install("nginx-light"), [bookworm, trixie])
    for host in (bookworm, trixie):
        assert host.run("systemctl is-active nginx").stdout.strip() == "active"
    assert "Unable to locate" in trixie.run("apt-get install -y sl", check=False).stderr
    four.serve_packages(["sl"], releases=["trixie"])
    trixie.install("sl")
    assert trixie.run("apt-cache policy sl nginx-light").stdout.count(four.packages_url("trixie")) == 2
    bookworm.run("apt-get -qq update && ! apt-get install -y sl")  # not for that release


def test_a_package_that_does_not_exist_is_named(four: Lab) -> None:
    with pytest.raises(LabError, match="Unable to locate package no-such-thing"):
        four.serve_packages(["no-such-thing"], releases=["bookworm"])


# --- the end


def traces(name: str) -> list[str]:
    """What this machine has of a lab."""
    pids = cgroups.pids(cgroups.root() / name) if cgroups.mounted() else []
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"/{name}/" in line]
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    spaces = [line for line in listed.splitlines() if line.split()[0] == name]
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    places = (store.labs_dir() / name, cgroups.root() / name, network.path(name))
    return [
        *(f"process {pid}" for pid in pids),
        *mounts,
        *spaces,
        *re.findall(r"^(?:port\d|br0|ve-|vb-)\S*", links, re.MULTILINE),
        *(str(place) for place in places if place.exists()),
    ]


def namespaces(pids: Sequence[int]) -> set[str]:
    """The network and mount namespaces of those processes, but for this machine's own."""
    kinds = ("net", "mnt", "pid")
    found = {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for pid in pids for kind in kinds}
    return found - {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in kinds}


def in_use(spaces: set[str]) -> set[str]:
    """Which of these namespaces some process is still in."""
    found = set()
    for pid in alive([int(process.name) for process in Path("/proc").glob("[0-9]*")]):
        with contextlib.suppress(OSError):  # ended meanwhile
            found |= {str(link.readlink()) for link in Path(f"/proc/{pid}/ns").iterdir()}
    return found & spaces


def alive(pids: Sequence[int]) -> list[int]:
    """Which of these processes still run. One that only waits to be reaped by the machine's first process doesn't."""

    def runs(pid: int) -> bool:
        try:
            return not re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        except (FileNotFoundError, ProcessLookupError):
            return False

    return [pid for pid in pids if runs(pid)]


def test_nothing_is_left_after_down(four: Lab) -> None:
    lab = Lab.up([HostSpec("bookworm"), HostSpec("trixie")])
    try:
        assert lab.name != four.name
        lab.serve_packages(["sl"])
        lab["h2"].power_off()
        lab.admin_run(["sh", "-c", "sleep 1000 >/dev/null 2>&1 &"])  # as Ansible leaves its connections behind
        pids = cgroups.pids(lab.group)
        spaces = namespaces(pids)
        assert len(pids) > 10
        assert len(spaces) > 4
        assert traces(lab.name)
    finally:
        lab.down()
    assert traces(lab.name) == []
    assert alive(pids) == []
    assert in_use(spaces) == set()
    assert four["h1"].run("hostname").stdout.strip() == "lab-h1"  # the other lab, with the same addresses
    assert "unreachable" in subprocess.check_output(["ip", "route"], text=True)


def test_a_killed_owner_takes_its_lab_with_it(four: Lab) -> None:
    program = "import time\nfrom tests.lab import *\nprint(Lab.up([HostSpec()]).name, flush=True)\ntime.sleep(600)"
    owner = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        lab = Lab.attach(name)
        pids = cgroups.pids(lab.group)
        assert lab["h1"].run("hostname").stdout.strip() == "lab-h1"
        assert sweep() == []  # it is in use
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(pids) == []  # the hosts end by themselves …
    assert sweep() == [name]  # … and what remains goes with the next `up`
    assert traces(name) == []
    assert all(host.powered for host in four.hosts)


def test_by_hand(four: Lab) -> None:
    name = f"lab-hand{os.getpid()}"

    def cli(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "tests.lab", "--lab", name, *words]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    try:
        assert cli("up", "-n", "1", "--releases", "trixie").returncode == 0
        assert cli("exec", "lab-h1", "hostname && exit 3").stdout == "lab-h1\n"
        assert cli("exec", "lab-h1", "hostname && exit 3").returncode == 3
        assert cli("exec", "admin", "ssh", "lab-h1", "hostname").stdout == "lab-h1\n"
        assert "already" in cli("up", "-n", "1").stderr
        assert re.search(rf"{name} \n  lab-h1  10\.10\.10\.10  trixie  on", cli("status").stdout)
    finally:
        assert cli("down").returncode == 0
    assert traces(name) == []
    assert "there is no lab" in cli("exec", "lab-h1", "true").stderr


# --- what can't be


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"release": "sarge"}, "no release 'sarge'; there are bookworm, trixie"),
        ({"name": "Lab_1"}, "can't be a host name"),
        ({"ip": "10.10.11.1"}, "not a host's address"),
        ({"ip": "10.10.10.1"}, "not a host's address"),
    ],
)
def test_hosts_that_cannot_be(spec: dict[str, str], complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        HostSpec(**spec)


def test_two_hosts_cannot_be_the_same(lab: Boot) -> None:
    with pytest.raises(LabError, match="two hosts with the same address"):
        lab(hosts=[HostSpec(), HostSpec(ip="10.10.10.10")])


def test_who_is_not_root_is_told_so() -> None:
    program = (
        "import os\nfrom tests.lab import requirements\nif os.geteuid() == 0: os.setuid(65534)\nrequirements.prepare()"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "LabUnavailableError: the lab boots real systems, for which it must be root" in result.stderr
