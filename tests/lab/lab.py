"""A lab: some hosts, the network they share, and the ADMIN node's place in it."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.lab import cgroups, engines, image, keys, network, packages, requirements, store
from tests.lab.host import Host
from tests.lab.spec import ADMIN_IP, CommandFailedError, HostSpec, LabError, complete

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self, TextIO

T = TypeVar("T")

PACKAGES_PORT = 8099
"""Where the ADMIN serves packages to hosts."""

BY_HAND = "lab"
"""The name of the lab that people start by hand; those of tests are lab-p<process>-1, -2 …"""

_LOCK = "labs"  # to make or remove a lab, or to look for abandoned ones

# Join the lab's control group, and see the ADMIN's ~/.ssh, /etc/hosts and /etc/resolv.conf instead of the machine's.
_AS_ADMIN = """\
set -e
echo 0 > "$1"; home=$2; ssh=$3; shift 3
mount --bind "$home/.ssh" "$ssh"
mount --bind "$home/hosts" /etc/hosts
[ ! -e /etc/resolv.conf ] || mount --bind "$home/resolv.conf" /etc/resolv.conf
exec "$@"
"""

_names: set[str] = set()  # given by this process
_servers: dict[Path, subprocess.Popen[str]] = {}  # those of packages that this process started, by the lab's home


@dataclass(slots=True)
class Lab:
    """A running lab. Make one with `up`, or `attach` to one that runs."""

    record: store.Record
    hosts: list[Host]
    boot_seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def home(self) -> Path:
        return self.record.home

    @property
    def ssh_config(self) -> Path:
        """With this, `ssh` in the lab's network reaches every host by name or address."""
        return self.home / "ssh/config"

    @property
    def group(self) -> Path:
        return cgroups.root() / self.name

    def __getitem__(self, host: str) -> Host:
        """The host with that name or address."""
        for candidate in self.hosts:
            if host in (candidate.name, candidate.ip, candidate.name.removeprefix("lab-")):
                return candidate
        raise LabError(f"lab {self.name} has no host {host}; there are {', '.join(h.name for h in self.hosts)}")

    def each(self, do: Callable[[Host], T], hosts: Sequence[Host] | None = None) -> list[T]:
        """Do something with all hosts, or with these, at the same time. The first failure is raised when all are done."""
        chosen = self.hosts if hosts is None else hosts
        with ThreadPoolExecutor(max(1, len(chosen))) as pool:
            return list(pool.map(do, chosen))

    # --- life

    @classmethod
    def up(cls, hosts: Sequence[HostSpec], *, name: str = "", keep: bool = False) -> Self:
        """Boot hosts, and wait until all are ready.

        With `keep` the lab stays until someone calls `down`. Without, it ends with this process, however that ends:
        its processes at once, and what remains on disk when the next lab starts.
        """
        requirements.prepare()
        specs = complete(hosts)
        for release in sorted({spec.release for spec in specs}):
            image.ensure(release)
        with store.locked(_LOCK):
            _sweep()
            record = store.Record(name or _free_name(), keep, tuple(specs))
            if any((record.home.exists(), network.exists(record.name), (cgroups.root() / record.name).exists())):
                raise LabError(f"there is a lab, or a network namespace, with the name {record.name} already")
            record.save()
            if not keep:
                record.take()
            lab = cls(record, [Host(record, spec) for spec in specs])
            try:
                (lab.group / cgroups.ADMIN).mkdir(parents=True)
                network.make(record.name)
            except BaseException:
                lab._clear()
                raise
        try:
            lab._furnish()
            lab._boot()
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def attach(cls, name: str = BY_HAND) -> Self:
        """The running lab of that name, which someone else made."""
        record = store.read(name)
        if record is None:
            raise LabError(f"there is no lab {name}")
        return cls(record, [Host(record, spec) for spec in record.hosts])

    def down(self) -> None:
        """End everything in the lab and remove what it left on this machine: only images and packages stay."""
        with store.locked(_LOCK):
            self._clear()

    def _clear(self) -> None:
        cgroups.remove(self.group)
        for host in self.hosts:
            host.reap()
        if server := _servers.pop(self.home, None):
            server.wait()
        network.remove(self.name)
        with contextlib.suppress(OSError):  # other labs
            cgroups.root().rmdir()
        shutil.rmtree(self.home, ignore_errors=True)
        self.record.release()

    def _furnish(self) -> None:
        """Keys, the ADMIN's home, the hosts' disks."""
        specs = self.record.hosts
        public = keys.admin(self.home / "ssh", specs)
        admin = self.home / "admin"
        admin.mkdir()
        (admin / ".ssh").symlink_to(self.home / "ssh")
        names = "".join(f"{spec.ip}\t{spec.name}\n" for spec in specs)
        (admin / "hosts").write_text(f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{names}", encoding="utf-8")
        (admin / "resolv.conf").write_text("", encoding="utf-8")
        for host in self.hosts:
            for part in ("upper", "work", "root"):
                (host.home / part).mkdir(parents=True)
            host.home.chmod(0o755)
            lower = image.path(host.release)
            # For as long as the host lives, though another recipe may come: its disk means nothing above another image.
            (host.home / "image").write_text(str(lower), encoding="utf-8")
            keys.host(host.spec, host.home / "upper", lower, public, self.home / "ssh/known_hosts")

    def _boot(self) -> None:
        began = time.monotonic()
        for host in self.hosts:
            host.start()
        self.each(Host.wait_ready)
        self.boot_seconds = time.monotonic() - began
        which = ", ".join(f"{host.name} {host.ip} {host.release}" for host in self.hosts)
        print(f"lab: {self.name}: {which}: up in {self.boot_seconds:.1f} s", file=sys.stderr, flush=True)

    # --- the ADMIN node

    def admin_popen(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | TextIO | None = subprocess.PIPE,
        stderr: int | TextIO | None = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start a program on the ADMIN node, as the leader of a process group of its own.

        The ADMIN is this machine's file system and programs in the lab's network, at 10.10.10.1: no Internet, no DNS,
        `ssh lab-h1` just works. HOME is the lab's own, so that nothing is shared with the user's or another lab's; but
        what Staddle fetched once stays in the cache of them all.
        """
        ssh = Path(pwd.getpwuid(os.geteuid()).pw_dir) / ".ssh"  # where ssh looks, whatever HOME says
        ssh.mkdir(mode=0o700, exist_ok=True)
        home = self.home / "admin"
        entry = ["sh", "-c", _AS_ADMIN, "sh", str(self.group / cgroups.ADMIN / "cgroup.procs"), str(home), str(ssh)]
        isolated = [*network.inside(self.name), "unshare", "--mount", "--propagation", "private", *entry]
        return subprocess.Popen(
            [*isolated, *map(str, argv)],
            env={**os.environ, "HOME": str(home), "STADDLE_CACHE": str(store.cache().parent), **(env or {})},
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def admin_run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the ADMIN node (see `admin_popen`). With `check`, any status but 0 raises."""
        line = " ".join(map(str, argv))
        source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        with self.admin_popen(argv, env=env, cwd=cwd, stdin=source) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise LabError(f"admin: `{line}` took longer than {timeout:g} s") from error
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        result = subprocess.CompletedProcess(line, process.returncode, out, err)
        if check and result.returncode:
            raise CommandFailedError("admin", line, result)
        return result

    def connect(self, host: str, port: int, timeout: float = 10) -> socket.socket:
        """A TCP connection from the ADMIN node to a host, for use in this process."""
        return network.connect(self.name, (self[host].ip, port), timeout)

    # --- packages

    def serve_packages(self, names: Sequence[str], *, releases: Sequence[str] = (), configure: bool = True) -> None:
        """Offer packages, with all that a fresh host misses for them, to hosts of those releases (default: all).

        They are then at `packages_url`. With `configure`, the hosts' apt is told (`Host.install` installs from there);
        without, hosts know nothing of it. May be called again to add more.
        """
        wanted = set(releases or (host.release for host in self.hosts))
        engines.fetch(wanted)

        def offer(release: str) -> None:
            packages.fill(self.home / "www" / release, release, image.path(release), names)

        def tell(host: Host) -> None:
            line = f"deb [trusted=yes] {self.packages_url(host.release)} ./\n"
            host.write("/etc/apt/sources.list.d/lab.list", line)

        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(offer, wanted))
        if configure:
            self.each(tell, [host for host in self.hosts if host.release in wanted])
        self._serve()

    def packages_url(self, release: str) -> str:
        """The flat repository for that release."""
        return f"http://{ADMIN_IP}:{PACKAGES_PORT}/{release}"

    def _serve(self) -> None:
        """Have the server of packages running. Like the hosts, it may have been started by another process."""
        address = (str(ADMIN_IP), PACKAGES_PORT)
        argv = [sys.executable, "-I", "-m", "http.server", str(PACKAGES_PORT), "--bind", str(ADMIN_IP)]
        argv += ["--protocol", "HTTP/1.1", "--directory", str(self.home / "www")]
        deadline = time.monotonic() + 20
        while True:
            try:
                network.connect(self.name, address, 5).close()
            except ConnectionRefusedError:
                if self.home not in _servers:
                    with (self.home / "www.log").open("a", encoding="utf-8") as log:
                        _servers[self.home] = self.admin_popen(argv, stdout=log, stderr=log)
                if _servers[self.home].poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"the server of packages doesn't start, see {self.home / 'www.log'}") from None
                time.sleep(0.05)
            else:
                return


def sweep() -> list[str]:
    """Remove what is left of labs whose owner died. Gives their names."""
    with store.locked(_LOCK):
        return _sweep()


def _sweep() -> list[str]:
    abandoned = [record for record in store.records() if record.abandoned()]
    for record in abandoned:
        Lab(record, [Host(record, spec) for spec in record.hosts])._clear()
    return [record.name for record in abandoned]


def _free_name() -> str:
    """A name that no lab has, nor had a moment ago: each process has its own."""
    for number in itertools.count(1):
        name = f"lab-p{os.getpid()}-{number}"
        places = (store.labs_dir() / name, network.path(name), cgroups.root() / name)
        if name not in _names and not any(place.exists() for place in places):
            _names.add(name)
            return name
    raise AssertionError
