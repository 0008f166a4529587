"""One host of a lab: a real Debian system to log in to, to cut off, to power off and on again."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab import cgroups, network, runner as program
from tests.lab.spec import NETWORK, CommandFailedError, HostSpec, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.store import Record

_runners: dict[Path, subprocess.Popen[bytes]] = {}
"""The hosts that this process switched on, by their homes. Another process's are not its children to wait for."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host of a running lab. Its state is the machine's: any number of objects may speak of the same host."""

    lab: Record
    spec: HostSpec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def ip(self) -> str:
        return self.spec.ip

    @property
    def release(self) -> str:
        return self.spec.release

    @property
    def home(self) -> Path:
        """Its disk (upper), the image below that, and its console's log."""
        return self.lab.home / "hosts" / self.name

    @property
    def group(self) -> Path:
        return cgroups.root() / self.lab.name / self.name

    # --- commands and files

    def run(
        self,
        command: str | Sequence[str],
        *,
        user: str = "root",
        check: bool = True,
        stdin: str | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command (or the words of one) over ssh. With `check`, any status but 0 raises."""
        line = command if isinstance(command, str) else shlex.join(command)
        return self._call([*self._ssh("ssh"), f"{user}@{self.name}", line], line, check, stdin, timeout)

    def console(self, command: str | Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root without ssh: works with the network cut, or with sshd stopped."""
        line = command if isinstance(command, str) else shlex.join(command)
        try:
            leader = (self.group / "payload/init.scope/cgroup.procs").read_text(encoding="utf-8").split()[0]
        except (OSError, IndexError):
            raise LabError(f"{self.name} is not up") from None
        # A group of its own below the host's: ends with the host, and is none of its systemd's business.
        (self.group / "console").mkdir(exist_ok=True)
        join = 'echo 0 > "$1"/console/cgroup.procs && shift && exec env -i "$@"'
        argv = ["sh", "-c", join, "sh", str(self.group), "HOME=/root", "LANG=C.UTF-8"]
        argv += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        argv += ["nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "-C", "--root", "--wd=/", "sh", "-c", line]
        return self._call(argv, line, check, None, 120)

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Make a file on the host, with the directories above it."""
        target = shlex.quote(path)
        script = f'mkdir -p "$(dirname {target})" && cat > {target} && chmod {mode:o} {target}'
        self.run(script, stdin=content)

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def put(self, local: Path, path: str) -> None:
        """Copy a file, or a directory with what is in it, to the host."""
        argv = [*self._ssh("scp"), "-q", "-r", "-p", str(local), f"{self.name}:{path}"]
        self._call(argv, f"put {local} {path}", True, None, 300)

    def get(self, path: str, local: Path) -> None:
        """Copy a file, or a directory with what is in it, from the host."""
        argv = [*self._ssh("scp"), "-q", "-r", "-p", f"{self.name}:{path}", str(local)]
        self._call(argv, f"get {path} {local}", True, None, 300)

    def install(self, *packages: str) -> None:
        """apt-get update and install, from what the lab serves (see `Lab.serve_packages`)."""
        quiet = "apt-get -qq -o DPkg::Use-Pty=0"
        script = f"export DEBIAN_FRONTEND=noninteractive; {quiet} update && {quiet} -y --no-install-recommends install "
        self.run(script + shlex.join(packages), timeout=600)

    def _ssh(self, program: str) -> list[str]:
        return [*network.inside(self.lab.name), program, "-F", str(self.lab.home / "ssh/config")]

    def _call(
        self, argv: Sequence[str], line: str, check: bool, stdin: str | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        source = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        try:
            result: subprocess.CompletedProcess[str] = subprocess.run(
                argv, **source, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{self.name}: `{line}` took longer than {timeout:g} s") from error
        if check and result.returncode:
            raise CommandFailedError(self.name, line, result)
        return result

    # --- power and network

    @property
    def powered(self) -> bool:
        """It is on: perhaps still booting, or already going down."""
        return not cgroups.empty(self.group)

    def start(self) -> None:
        """Switch it on, without waiting for it. Does nothing if it is on."""
        if self.powered:
            return
        self.reap()
        cgroups.remove(self.group)  # empty, but the last boot's groups may still be there
        octet = int(self.ip.rpartition(".")[2])
        job: program.Job = {
            "name": self.name,
            "group": str(self.group.relative_to(cgroups.root().parent)),
            "image": (self.home / "image").read_text(encoding="utf-8"),
            "disk": str(self.home),
            "bridge": network.BRIDGE,
            "port": network.port(self.ip),
            "address": f"{self.ip}/{NETWORK.prefixlen}",
            "mac": f"02:00:0a:0a:0a:{octet:02x}",
            "owner_lock": "" if self.lab.keep else str(self.lab.owner_lock),
        }
        argv = [*network.inside(self.lab.name), "unshare", "--mount", "--propagation", "private"]
        argv += [sys.executable, "-I", program.__file__, json.dumps(job)]
        with (self.home / "console.log").open("ab") as log:
            runner = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        _runners[self.home] = runner
        while cgroups.empty(self.group) and runner.poll() is None:
            time.sleep(0.01)

    def power_on(self) -> None:
        """Switch it on and wait until it is ready. Its disk is as it was left."""
        self.start()
        self.wait_ready()

    def power_off(self, *, hard: bool = False, timeout: float = 60) -> None:
        """Shut it down in good order, or with `hard` pull the plug. Its disk stays. Does nothing if it is off."""
        if not hard:
            for pid in cgroups.pids(self.group / "supervisor"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)  # systemd-nspawn asks the host's systemd to power off
            deadline = time.monotonic() + timeout
            while self.powered and time.monotonic() < deadline:
                time.sleep(0.05)
        cgroups.remove(self.group)
        self.reap()

    def reboot(self) -> None:
        """Ask it to reboot, as its administrator would, and wait until it is ready."""
        before = self.boot_id()
        self.run("systemctl reboot", check=False)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(LabError):
                if self.boot_id() != before:
                    break
            time.sleep(0.1)
        self.wait_ready()

    def boot_id(self) -> str:
        """Another one after each boot."""
        return self.console("cat /proc/sys/kernel/random/boot_id").stdout.strip()

    def cut_network(self) -> None:
        """Pull its network cable. (A reboot puts it back.)"""
        network.plug(self.lab.name, self.ip, connected=False)

    def restore_network(self) -> None:
        """Put the cable back. Does nothing if it is in."""
        network.plug(self.lab.name, self.ip, connected=True)

    def wait_ready(self, timeout: float = 90) -> None:
        """Wait until it has finished booting and ssh works. Raises if a unit failed, and names it."""
        deadline = time.monotonic() + timeout
        while True:
            if not self.powered:
                raise self._not_up("went off while booting")
            with contextlib.suppress(OSError):
                network.connect(self.lab.name, (self.ip, 22), 1).close()
                break
            if time.monotonic() > deadline:
                raise self._not_up(f"doesn't answer on port 22 after {timeout:g} s")
            time.sleep(0.05)
        result = self.run("systemctl is-system-running --wait", check=False, timeout=timeout)
        state = result.stdout.strip()
        if state == "degraded":
            failed = self.run("systemctl list-units --failed --plain --no-legend").stdout.splitlines()
            raise LabError(f"{self.name} is up but degraded: {', '.join(line.split()[0] for line in failed)}")
        if state != "running":
            raise self._not_up(f"is {state or 'in no known state'}: {result.stderr.strip()}")

    def _not_up(self, what: str) -> LabError:
        log = (self.home / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return LabError("\n".join([f"{self.name} {what}. The last of its console:", *log[-15:]]))

    def reap(self) -> None:
        """Wait for what `start` started, once nothing of the host runs any more."""
        if runner := _runners.pop(self.home, None):
            runner.wait()
