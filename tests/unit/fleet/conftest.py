"""Fleets of directories, and an sshd of our own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fleet.boxes import Boxes

if TYPE_CHECKING:
    from collections.abc import Iterator

SSHD = "/usr/sbin/sshd"


@pytest.fixture(scope="session")
def becomes_root() -> None:
    """Playbooks become root on hosts, and here those are this machine."""
    sudo = ["sh", "-c", "sudo -n true"]
    if os.geteuid() != 0 and subprocess.run(sudo, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root, or a sudo that asks for no password")


@pytest.fixture
def boxes(tmp_path: Path) -> Boxes:
    """Three hosts, reached without ssh."""
    return Boxes(tmp_path)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A real sshd on the loopback address with keys of its own. Gives the variables to connect with."""
    if not Path(SSHD).exists() or not shutil.which("ssh-keygen"):
        pytest.skip("needs sshd (apt install openssh-server)")
    home = tmp_path / "ssh"
    home.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "known").write_text(f"[127.0.0.1]:{port} {(home / 'host.pub').read_text(encoding='utf-8')}")
    lines = [
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {home}/host", f"AuthorizedKeysFile {home}/user.pub",
        "StrictModes no", "UsePAM no", "PidFile none",
    ]  # fmt: skip
    (home / "config").write_text("\n".join(lines) + "\n")
    # Where it keeps unprivileged children; Debian's service makes it at boot.
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-f", str(home / "config"), "-E", str(home / "log")]) as server:
        try:
            deadline = time.monotonic() + 20
            while not _answers(port):
                assert server.poll() is None, (home / "log").read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield {
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(home / "user"),
                # No connection is kept: sshd's children would outlive it.
                "ansible_ssh_common_args": f"-o UserKnownHostsFile={home}/known -o ControlMaster=no -o ControlPath=none",
            }
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
