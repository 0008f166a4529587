"""The hosts' images: minimal Debian servers as an installer leaves them, with nothing of Staddle.

Built once per release and recipe, then only read: each host has its own layer above.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.lab import sources, store
from tests.lab.spec import SUDOER, LabError

if TYPE_CHECKING:
    from pathlib import Path

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
    with store.locked(f"image-{release}"):
        if not target.exists():
            _build(release, target)
    return target


def _build(release: str, target: Path) -> None:
    print(f"lab: building the image of {release}, once", file=sys.stderr, flush=True)
    began = time.monotonic()
    target.parent.mkdir(exist_ok=True)
    building = target.with_name(f"{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)  # of a build that was interrupted
    argv = ["nice", "-n", "19", "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]
    argv += [f"--include={','.join(packages(release))}"]
    argv += [f"--dpkgopt={option}" for option in _SLIM]
    argv += [f"--aptopt={option}" for option in sources.options()]
    argv += [f"--customize-hook=export SUDOER={SUDOER}\n{_FINISH}", release, str(building), "-"]
    result = subprocess.run(argv, input=sources.for_release(release), capture_output=True, text=True, check=False)
    if result.returncode:
        last = "\n".join(result.stderr.strip().splitlines()[-12:])
        raise LabError(f"the image of {release} can't be built (mmdebstrap exited {result.returncode}):\n{last}")
    building.rename(target)
    print(f"lab: image of {release} built in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
