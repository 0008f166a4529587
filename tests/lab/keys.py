"""Who may log in where, and how the ADMIN side knows it talks to the right host. Made anew for each lab."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.lab.spec import SUDOER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.spec import HostSpec

_CONFIG = """\
Host *
  User root
  IdentityFile {directory}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 5
  LogLevel ERROR
  # Nobody listens; the default, safe from computers of the future, takes twice as long.
  KexAlgorithms curve25519-sha256
"""


def generate(file: Path, comment: str) -> str:
    """Make a key pair at `file` and `file`.pub; gives the public key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return file.with_name(f"{file.name}.pub").read_text(encoding="utf-8")


def admin(directory: Path, hosts: Sequence[HostSpec]) -> str:
    """Make the ADMIN's ~/.ssh: config, key, known_hosts (see `host`). Gives its public key."""
    directory.mkdir(mode=0o700, parents=True)
    aliases = "".join(f"Host {host.name} {host.ip}\n  HostName {host.ip}\n" for host in hosts)
    (directory / "config").write_text(aliases + _CONFIG.format(directory=directory), encoding="utf-8")
    return generate(directory / "id_ed25519", "lab-admin")


def host(spec: HostSpec, upper: Path, image: Path, admin_key: str, known_hosts: Path) -> None:
    """Write what tells this host from others on its disk, before its first boot, and let the ADMIN log in."""

    def place(path: str, content: str, mode: int = 0o644) -> None:
        _parents(path, upper, image)
        file = upper / path
        file.write_text(content, encoding="utf-8")
        file.chmod(mode)

    place("etc/hostname", f"{spec.name}\n")
    local = f"127.0.0.1\tlocalhost\n127.0.1.1\t{spec.name}\n"
    place("etc/hosts", f"{local}::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\n")
    _parents("etc/ssh/x", upper, image)
    public = generate(upper / "etc/ssh/ssh_host_ed25519_key", spec.name)
    kind, key, _ = public.split(maxsplit=2)
    with known_hosts.open("a", encoding="utf-8") as file:
        file.write(f"{spec.name},{spec.ip} {kind} {key}\n")
    place("root/.ssh/authorized_keys", admin_key, 0o600)
    (upper / "root/.ssh").chmod(0o700)
    place(f"home/{SUDOER}/.ssh/authorized_keys", admin_key, 0o600)
    own = image.joinpath("home", SUDOER).stat()
    (upper / f"home/{SUDOER}/.ssh").chmod(0o700)
    for path in (".ssh", ".ssh/authorized_keys"):
        os.chown(upper / "home" / SUDOER / path, own.st_uid, own.st_gid)


def _parents(path: str, upper: Path, image: Path) -> None:
    """Make the directories above `path`. In the merged view upper's attributes hide the image's: so copy those."""
    directory = upper
    for part in path.split("/")[:-1]:
        directory /= part
        if directory.exists():
            continue
        directory.mkdir(mode=0o755)
        below = image / directory.relative_to(upper)
        if below.exists():
            shutil.copystat(below, directory)
            os.chown(directory, below.stat().st_uid, below.stat().st_gid)
