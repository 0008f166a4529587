"""Boots one host and stays with it. Run as a program of its own, by path, with nothing but the standard library.

Called in a mount namespace of its own and in the lab's network namespace, with a `Job` as JSON. What it mounts, and
the host's network namespace, exist only there: they vanish with this process and the host, however those end.

Reboots the host when it asks for it; ends when it powers off.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TypedDict

CGROUPS = Path("/sys/fs/cgroup")
NETNS = "host"
REBOOT = 133  # how systemd-nspawn says with --keep-unit that the host asked for a reboot


class Job(TypedDict):
    """What to boot."""

    name: str
    group: str  # control group, relative to where they are mounted
    image: str
    disk: str  # directory with upper, work, root, console.log
    bridge: str
    port: str
    address: str  # with prefix length
    mac: str
    owner_lock: str  # die when this becomes free; "" = never


def run(*argv: str, ok: bool = True) -> None:
    subprocess.run(argv, check=ok, stdin=subprocess.DEVNULL, stderr=None if ok else subprocess.DEVNULL)


def kill(group: Path) -> None:
    (group / "cgroup.kill").write_text("1", encoding="utf-8")


def clear(group: Path) -> None:
    """End what runs in `group`, and remove it with the groups below it.

    A group must not be used again after a kill: the kernel then kills what is started from it into newer groups.
    """
    while group.exists():
        if "populated 1" in (group / "cgroup.events").read_text(encoding="utf-8"):
            kill(group)
        for directory in sorted((p for p in group.glob("**/") if p.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                directory.rmdir()
        time.sleep(0.01)


def die_with_owner(lock: str, group: Path) -> None:
    """Wait until the lab's owner ends, by whatever means; then end the host and this process."""
    with Path(lock).open("r", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        kill(group)


def prepare(job: Job) -> Path:
    """The host's control group and disk."""
    # A pure v2 tree: systemd-nspawn looks at what is mounted here and gives the host the same kind. Systemd of
    # trixie takes no other.
    run("mount", "-t", "cgroup2", "cgroup2", str(CGROUPS))
    group = CGROUPS / job["group"]
    group.mkdir(parents=True, exist_ok=True)
    # With --keep-unit the host's group is made below that of the caller: so be in one that is this host's alone.
    (group / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
    # systemd-nspawn wants its exchange directory on a tmpfs, and each host one of its own.
    Path("/run/systemd/nspawn").mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")
    # Names of network namespaces: ours are nobody else's business, and end with this mount.
    run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    disk = Path(job["disk"])
    layers = f"lowerdir={job['image']},upperdir={disk / 'upper'},workdir={disk / 'work'}"
    run("mount", "-t", "overlay", "overlay", "-o", layers, str(disk / "root"))
    return group


def wire(job: Job) -> None:
    """A fresh network namespace for each boot: no firewall rule, route or address of the last one survives."""
    run("ip", "link", "del", job["port"], ok=False)
    run("ip", "netns", "del", NETNS, ok=False)
    run("ip", "netns", "add", NETNS)
    run("ip", "link", "add", job["port"], "type", "veth", "peer", "name", "eth0", "netns", NETNS)
    run("ip", "link", "set", job["port"], "master", job["bridge"], "up")
    run("ip", "-n", NETNS, "link", "set", "lo", "up")
    run("ip", "-n", NETNS, "link", "set", "eth0", "address", job["mac"])
    run("ip", "-n", NETNS, "addr", "add", job["address"], "dev", "eth0")
    run("ip", "-n", NETNS, "link", "set", "eth0", "up")


def boot(job: Job) -> int:
    """Boot the host; the exit status of systemd-nspawn when it is down again."""
    argv = ["systemd-nspawn", "--quiet", "--boot", f"--directory={job['disk']}/root"]
    argv += [f"--machine={job['name']}", f"--hostname={job['name']}"]
    # There may be no systemd outside to register with.
    argv += ["--register=no", "--keep-unit"]
    argv += [f"--network-namespace-path=/run/netns/{NETNS}", "--capability=CAP_NET_ADMIN"]
    argv += ["--drop-capability=CAP_MKNOD"]  # the machine's disks stay out of reach
    argv += ["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=read-only"]
    # sysctl net.* works: it is the host's own network. All other kernel settings are the machine's, and stay read-only.
    environment = {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    with Path(job["disk"], "console.log").open("ab") as log:
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, check=False)
    return result.returncode


def main() -> int:
    job: Job = json.loads(sys.argv[1])
    group = prepare(job)
    if job["owner_lock"]:
        threading.Thread(target=die_with_owner, args=(job["owner_lock"], group), daemon=True).start()
    while True:
        wire(job)
        status = boot(job)
        clear(group / "payload")  # if systemd-nspawn itself was killed, the host is still there
        if status != REBOOT:
            return status


if __name__ == "__main__":
    sys.exit(main())
