"""The hosts' images: minimal Debian servers as an installer leaves them, with nothing of Staddle.

Built once per release and recipe, then only read: each host has its own layer above.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import sources, store
from tests.lab.spec import SUDOER, LabError

if TYPE_CHECKING:
    from typing import TextIO

BUILDING = ".building"
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "iputils-ping",
    "libpam-systemd",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "systemd-timesyncd",
    "tzdata",
    "udev",
)
_ONLY_IN = {"trixie": ("linux-sysctl-defaults",)}  # what systemd recommends there: lets ordinary users ping

_SLIM = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)

_FINISH = r"""
set -eu
cd "$1"
# Nothing of the machine that built it: its mirror, names, proxies. And what each host must have for itself.
rm -rf etc/apt/sources.list etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f etc/resolv.conf etc/hostname etc/hosts etc/ssh/ssh_host_*
rm -rf var/lib/apt/lists/* var/cache/apt/*.bin
: > etc/resolv.conf
: > etc/machine-id
: > etc/default/locale
chroot . useradd --create-home --shell /bin/bash "$SUDOER"
echo "$SUDOER ALL=(ALL) NOPASSWD: ALL" > etc/sudoers.d/sudoer
chmod 440 etc/sudoers.d/sudoer
# The only host key is the one that the lab makes; names of clients can't be looked up.
printf 'UseDNS no\nHostKey /etc/ssh/ssh_host_ed25519_key\n' > etc/ssh/sshd_config.d/lab.conf
# No terminals to log in at, and no jobs that go looking for the Internet or for real disks.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
            dpkg-db-backup.timer getty.target console-getty.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
"""


def packages(release: str) -> tuple[str, ...]:
    return PACKAGES + _ONLY_IN.get(release, ())


def path(release: str) -> Path:
    """Where the image of today's recipe is, or would be."""
    recipe = "\n".join([*packages(release), *_SLIM, _FINISH, SUDOER])
    return store.cache() / "base" / f"{release}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"


def ensure(release: str) -> Path:
    """The image of that release, built if there is none yet (minutes on a slow line, says so)."""
    target = path(release)
    if target.exists():
        return target
    with store.locked(_lock(release)) as lock:
        if lock and not target.exists():
            _build(release, target, lock)
    return target


def clear() -> list[str]:
    """Remove what builds left behind that were interrupted, and what is mounted in it. Gives the names."""
    cleared = []
    for building in sorted((store.cache() / "base").glob(f"*{BUILDING}")):
        release = building.name.partition("-")[0]
        with store.locked(_lock(release), wait=False) as alone:
            if alone:
                remove(building)
                cleared.append(building.name)
    return cleared


def remove(directory: Path) -> None:
    """Remove an image, or part of one. What is mounted in it is unmounted first. Raises LabError if that fails."""
    for place in reversed(_mounted_in(directory)):
        subprocess.run(["umount", "--lazy", "--no-canonicalize", place], capture_output=True, check=False)
    if left := _mounted_in(directory):
        raise LabError(f"{', '.join(map(str, left))} can't be unmounted, so {directory} stays")
    if directory.exists():
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=True)


def _mounted_in(directory: Path) -> list[Path]:
    """What is mounted there or below, in the order of mounting."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    # Blanks and the like in paths are written in octal.
    places = [re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), line.split()[4]) for line in lines]
    found = [Path(os.fsdecode(place)) for place in places]
    return [place for place in found if place.is_relative_to(directory.resolve())]


def _lock(release: str) -> str:
    return f"image-{release}"


def _build(release: str, target: Path, lock: TextIO) -> None:
    print(f"lab: building the image of {release}, once", file=sys.stderr, flush=True)
    began = time.monotonic()
    target.parent.mkdir(exist_ok=True)
    building = target.with_name(f"{target.name}{BUILDING}")
    remove(building)  # of a build that was interrupted
    # What it mounts must not outlive it, however it ends.
    argv = ["unshare", "--mount", "--propagation", "private", "nice", "-n", "19"]
    argv += ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]
    argv += [f"--include={','.join(packages(release))}"]
    argv += [f"--dpkgopt={option}" for option in _SLIM]
    argv += [f"--aptopt={option}" for option in sources.options()]
    argv += [f"--customize-hook=export SUDOER={SUDOER}\n{_FINISH}", release, str(building), "-"]
    text = sources.for_release(release)
    # It has the lock, too: if we are killed, nobody builds or clears away beside it until it has ended.
    result = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, pass_fds=[lock.fileno()])
    if result.returncode:
        last = "\n".join(result.stderr.strip().splitlines()[-12:])
        raise LabError(f"the image of {release} can't be built (mmdebstrap exited {result.returncode}):\n{last}")
    building.rename(target)
    print(f"lab: image of {release} built in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
