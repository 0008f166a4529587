"""What this machine must have to run a lab; installs the programs that are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab import cgroups, network, store
from tests.lab.spec import LabUnavailableError

PROGRAMS = {
    "apt-ftparchive": "apt-utils",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
}
"""Program: Debian package."""

_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def prepare() -> None:
    """Make sure that a lab can run here. Raises LabUnavailableError with the reason if it can't."""
    if os.geteuid() != 0:
        raise LabUnavailableError("the lab boots real systems, for which it must be root")
    if not shutil.which("apt-get"):
        raise LabUnavailableError("the lab makes its hosts from this machine's apt sources, and there is no apt")
    if missing := sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)}):
        _install(missing)
    _probe_kernel()
    if reason := network.why_not():
        raise LabUnavailableError(reason)
    # Each systemd holds about ten, and all of them count against root of this machine, which usually has 128.
    if int(_INSTANCES.read_text(encoding="utf-8")) < 1024:
        _INSTANCES.write_text("1024", encoding="utf-8")


def _install(packages: list[str]) -> None:
    print(f"lab: installing {', '.join(packages)}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    install = ["apt-get", *wait, "install", "--yes", "--no-install-recommends", *packages]
    for argv in (["apt-get", *wait, "update"], install):
        result = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            last = "\n".join(result.stderr.strip().splitlines()[-5:])
            raise LabUnavailableError(f"`{' '.join(argv)}` failed; the lab needs those packages:\n{last}")


def _probe_kernel() -> None:
    """Try what can be forbidden: namespaces, overlays where the hosts' disks will be, control groups."""
    if cgroups.mounted() is None:
        raise LabUnavailableError("no control groups v2 are mounted on this machine")
    try:
        cgroups.root().mkdir(exist_ok=True)
    except OSError as error:
        raise LabUnavailableError(f"can't make control groups: {error}") from error
    with tempfile.TemporaryDirectory(dir=store.cache(), prefix="probe-") as directory:
        for part in ("lower", "upper", "work", "root"):
            Path(directory, part).mkdir()
        script = (
            'cd "$1" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root && touch root/x'
        )
        unshare = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--uts", "--ipc", "--fork"]
        argv = [*unshare, "sh", "-c", script, "sh", directory]
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        if result.returncode:
            raise LabUnavailableError(f"namespaces or overlay mounts don't work here: {result.stderr.strip()}")
