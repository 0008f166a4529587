"""The supervisor of a sandbox: supervisord, one per sandbox directory, behind a Unix socket.

It's started once and told everything else by converge. Its children carry the sandbox's directory in their environment, so
that what a killed supervisor leaves behind can be found, and ended, without touching anybody else's processes.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from staddle.errors import SandboxError
from staddle.manifest.supervisor import MARKER

SOCKET_PATH_LIMIT = 100
START_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Supervision:
    """The supervisord of the sandbox at `root` (absolute)."""

    root: Path

    @property
    def socket(self) -> Path:
        """A Unix socket's path is limited to 107 bytes, so a deep sandbox has its socket elsewhere."""
        inside = self.root / "run" / "supervisor.sock"
        if len(str(inside)) <= SOCKET_PATH_LIMIT:
            return inside
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"staddle-{os.getuid()}-{name}" / "supervisor.sock"

    @property
    def _config(self) -> Path:
        return self.root / "etc" / "supervisor" / "supervisord.conf"

    @property
    def _pidfile(self) -> Path:
        return self.root / "run" / "supervisord.pid"

    def running(self) -> bool:
        """Whether it answers."""
        try:
            self.call("supervisor.getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start(self) -> None:
        """Start it, unless it runs. Raises SandboxError with the end of its log."""
        if self.running():
            return
        self.end_leftovers()
        self._write_config()
        self.socket.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        # It leaves the terminal and its process group by itself; what it says before that is ours to report.
        result = subprocess.run(argv, cwd=self.root, capture_output=True, text=True, check=False)
        deadline = time.monotonic() + START_TIMEOUT
        while result.returncode == 0 and time.monotonic() < deadline:
            if self.running():
                return
            time.sleep(0.05)
        raise SandboxError(f"supervisord did not start: {(result.stderr or result.stdout or self._log_tail()).strip()}")

    def stop(self, timeout: float = 90.0) -> int:
        """Stop every service, the last started first, then itself. Returns how many leftovers had to be ended by force."""
        if self.running():
            pid = int(self.call("supervisor.getPID"))
            self.call("supervisor.shutdown")
            _wait_for_end([pid], timeout)
        return self.end_leftovers()

    def processes(self) -> dict[str, dict[str, Any]]:
        """What it knows of each program: `statename`, `pid`, `start`, `spawnerr`, … Empty if it isn't running."""
        if not self.running():
            return {}
        return {info["name"]: info for info in self.call("supervisor.getAllProcessInfo")}

    def restart(self, name: str) -> None:
        """Stop and start one program. Raises SandboxError."""
        try:
            self.call("supervisor.stopProcess", name)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise SandboxError(f"can't stop {name}: {fault.faultString}") from fault
        try:
            self.call("supervisor.startProcess", name)
        except xmlrpc.client.Fault as fault:
            raise SandboxError(f"can't start {name}: {fault.faultString}") from fault

    def own_pids(self) -> set[int]:
        """All processes of this sandbox: the supervisor, its children, and what an earlier one left behind."""
        pids = {process.pid for process in psutil.process_iter() if self._is_ours(process)}
        if self.running():
            supervisor = psutil.Process(int(self.call("supervisor.getPID")))
            pids |= {supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))}
        return pids

    def end_leftovers(self) -> int:
        """End what a killed supervisor left behind. Returns the number of processes."""
        pids = [process.pid for process in psutil.process_iter() if self._is_ours(process)]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                if psutil.pid_exists(pid):
                    os.kill(pid, number)
            if _wait_for_end(pids, 10):
                break
        return len(pids)

    def _is_ours(self, process: psutil.Process) -> bool:
        """By its program, or by its environment (which nginx overwrites with its title)."""
        try:
            if process.pid == os.getpid():
                return False
            unpacked = Path(process.exe()).is_relative_to(self.root / "programs")
            return unpacked or process.environ().get(MARKER) == str(self.root)
        except (psutil.Error, OSError):
            # Gone meanwhile, or another user's.
            return False

    def call(self, method: str, *arguments: Any) -> Any:
        """One call of supervisord's XML-RPC interface. Raises OSError and xmlrpc.client.Fault."""
        transport = SupervisorTransport(serverurl=f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy, method)(*arguments)

    def _write_config(self) -> None:
        for folder in (self._config.parent / "conf.d", self._pidfile.parent, self.root / "var/log/staddle"):
            folder.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        user = "user=root\n" if os.geteuid() == 0 else ""
        self._config.write_text(
            "[supervisord]\n"
            f"pidfile={_escape(self._pidfile)}\n"
            f"logfile={_escape(self.root)}/var/log/staddle/supervisord.log\n"
            "logfile_maxbytes=5MB\nlogfile_backups=2\nminfds=1024\nminprocs=50\nnocleanup=true\n"
            f"directory={_escape(self.root)}\n{user}\n"
            f"[unix_http_server]\nfile={_escape(self.socket)}\nchmod=0600\n\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\n"
            "[include]\nfiles = conf.d/*.conf\n",
            encoding="utf-8",
        )

    def _log_tail(self) -> str:
        log = self.root / "var/log/staddle/supervisord.log"
        return "\n".join(log.read_text(encoding="utf-8").splitlines()[-5:]) if log.exists() else "it left no log"


def _escape(path: Path) -> str:
    return str(path).replace("%", "%%")


def _wait_for_end(pids: list[int], timeout: float) -> bool:
    """Whether all of them ended in time (a zombie has ended)."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not any(_alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
