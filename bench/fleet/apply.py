"""How long an apply takes on real hosts, beside Ansible roles with a task per resource, with and without Mitogen.

    bench/fleet/apply.py [--hosts 1 2 4 8] [--peers 1 8] [--runs N] [--simulated 200] [--without-mitogen]

As root: boots hosts of `tests/lab` (Debian 13), the first one an INFRA node with everything on, the others regular nodes, and
prints Markdown tables. The roles are made from the very manifests that Staddle compiles (`roles.py`), so both sides look at
the same resources; both connect with pipelining, ssh's ControlPersist and 50 forks, and are run once before they are
measured. "Nothing to do" is an apply of what is there; "one line changed" is another `vmetrics_scrape_interval`, there
and back again. Everything, hosts included, shares this machine's processors. `--simulated N` leads N entries of an inventory
to the hosts there are, each to a directory of its own, with the one component that is only files: that is what the
engine costs (Ansible, connections, compile), not what looking at a host's resources costs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench.fleet import roles
from tests.lab.lab import Lab
from tests.lab.spec import HostSpec

from staddle.components.registry import all_components
from staddle.drive import compilation
from staddle.drive.rundir import RunDirectory, admin_directory

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON = sys.executable
INTERVALS = ("10s", "11s")
SAME, EDIT = "nothing to do", "one line changed"
OURS, PLAIN, MITOGEN = "staddle apply", "roles, pipelining", "roles, Mitogen"


@dataclass(frozen=True)
class Run:
    """Seconds of the wall clock, and of processors on the ADMIN side."""

    wall: float
    cpu: float


class Bench:
    def __init__(self, lab: Lab, home: Path, mitogen: Path | None) -> None:
        self.lab, self.home, self.mitogen = lab, home, mitogen
        self.tasks = 0

    @property
    def inventory(self) -> Path:
        return self.home / "staddle.yml"

    def write(self, hosts: int, interval: str = INTERVALS[0]) -> None:
        first, *others = [host.ip for host in self.lab.hosts[:hosts]]
        groups: dict[str, Any] = {"infra": {"hosts": {first: {"infra_seq": 1}}}}
        if others:
            groups["workers"] = {"hosts": {ip: {} for ip in others}, "vars": {"node_cluster": "workers"}}
        shared = {"admin_ip": first, "ansible_user": "root", "vmetrics_scrape_interval": interval}
        self.inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}), encoding="utf-8")

    def timed(self, argv: list[str | Path], **env: str) -> tuple[Run, str]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = self.lab.admin_run(argv, cwd=self.home, env=env, check=False, timeout=3600)
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{argv}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Run(wall, cpu), done.stdout

    # --- ours

    def apply(self, *options: str) -> tuple[Run, int]:
        """Also how many things were changed."""
        argv: list[str | Path] = [PYTHON, "-m", "staddle", "apply", "--json", "-i", self.inventory, *options]
        run, output = self.timed(argv)
        reports = [report for host in json.loads(output)["hosts"].values() for report in host["reports"].values()]
        return run, sum(report["totals"]["changed"] for report in reports)

    def manifests(self) -> dict[str, dict[str, Any]]:
        """As compiled for the hosts as they are."""
        admin = admin_directory(self.inventory)
        directory = RunDirectory.create(admin, os.getpid())
        compilation.loaded.cache_clear()
        for node in compilation.loaded(self.inventory).fleet.nodes:
            directory.put("facts", node.ip, json.loads((admin / f"facts/{node.ip}.json").read_text(encoding="utf-8")))
        compilation.compile_run(directory, self.inventory, admin)
        found = {ip: directory.get("manifest", ip) for ip in directory.hosts("manifest")}
        directory.remove()
        return found

    # --- theirs

    def prepare_roles(self, interval: str) -> None:
        folder = self.home / f"roles-{interval}"
        folder.mkdir(exist_ok=True)
        manifests = self.manifests()
        self.tasks = roles.write(folder, manifests)
        hosts = {"all": {"hosts": dict.fromkeys(manifests), "vars": {"ansible_user": "root"}}}
        (folder / "hosts.yml").write_text(json.dumps(hosts), encoding="utf-8")

    def play(self, interval: str, *, mitogen: bool) -> tuple[Run, int]:
        folder = self.home / f"roles-{interval}"
        env = {
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": "50",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_GATHERING": "explicit",
        }
        # Finding out which Python there is would be one more task; ours doesn't do it either.
        env["ANSIBLE_PYTHON_INTERPRETER"] = "/usr/bin/python3"
        if mitogen:
            env["ANSIBLE_STRATEGY_PLUGINS"] = str(self.mitogen / "ansible_mitogen/plugins/strategy")  # type: ignore[operator]
            env |= {
                "ANSIBLE_STRATEGY": "mitogen_linear",
                "PYTHONPATH": str(self.mitogen),
                "ANSIBLE_DEPRECATION_WARNINGS": "0",
            }
        argv: list[str | Path] = [PYTHON, "-m", "ansible.cli.playbook", "-i", folder / "hosts.yml", folder / "site.yml"]
        run, output = self.timed(argv, **env)
        counts = [word for line in output.splitlines() if "unreachable=" in line for word in line.split()]
        return run, sum(int(word.removeprefix("changed=")) for word in counts if word.startswith("changed="))

    # --- both

    def measure(self, what: str, do: Callable[[str], tuple[Run, int]], runs: int) -> dict[str, list[Run]]:
        """Both cases, after one run that isn't counted. Ends with the hosts as they were.

        With 0 `runs` only the first case, once.
        """
        found: dict[str, list[Run]] = {SAME: [], EDIT: []}
        if runs:
            do(INTERVALS[0])
        for _ in range(max(1, runs)):
            run, changed = do(INTERVALS[0])
            assert changed == 0, f"{changed} things changed where nothing was to be done"
            found[SAME].append(run)
            print(f"{what}, {SAME}: {run.wall:.1f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        for _ in range(runs):
            for interval in reversed(INTERVALS):
                run, changed = do(interval)
                assert changed > 0, "nothing changed where something was to be done"
                found[EDIT].append(run)
        return found


def fetch_mitogen(folder: Path) -> Path:
    argv = [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), "mitogen"]
    subprocess.run(argv, check=True)
    return folder


def simulate(bench: Bench, number: int, runs: int) -> list[Run]:
    """That many inventory entries on the hosts there are."""
    ips = [host.ip for host in bench.lab.hosts]
    entries = {
        f"10.20.{n // 200}.{n % 200 + 1}": {
            "ansible_host": ips[n % len(ips)], "ansible_staddle_root": f"/srv/simulated/{n}"
        }
        for n in range(number)
    }  # fmt: skip
    first, *others = entries
    groups = {
        "infra": {"hosts": {first: {**entries[first], "infra_seq": 1}}},
        "workers": {"hosts": {ip: entries[ip] for ip in others}, "vars": {"node_cluster": "workers"}},
    }
    shared = {"admin_ip": first, "ansible_user": "root"}
    bench.inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}), encoding="utf-8")
    bench.lab.each(lambda host: host.run("mkdir -p /srv/simulated"))
    bench.apply("-t", "ca")
    found = [bench.apply("-t", "ca") for _ in range(runs)]
    assert all(changed == 0 for _, changed in found)
    return [run for run, _ in found]


def median(runs: list[Run]) -> str:
    return f"{statistics.median(run.wall for run in runs):.1f}"


def cpu(runs: list[Run]) -> str:
    return f"{statistics.median(run.cpu for run in runs):.1f}"


def ratio(theirs: list[Run], ours: list[Run]) -> str:
    return f"{statistics.median(r.wall for r in theirs) / statistics.median(r.wall for r in ours):.0f} ×"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument(
        "--peers", type=int, nargs="*", default=[1, 8], help="numbers of hosts where roles are run, too"
    )
    parser.add_argument("--runs", type=int, default=3, help="0: only with nothing to do, once")
    parser.add_argument("--simulated", type=int, default=0)
    parser.add_argument("--without-mitogen", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="staddle-bench-") as scratch:
        home = Path(scratch)
        mitogen = None if given.without_mitogen else fetch_mitogen(home / "mitogen")
        lab = Lab.up([HostSpec("trixie") for _ in range(max(given.hosts))])
        try:
            report(Bench(lab, home, mitogen), given)
        finally:
            lab.down()


def report(bench: Bench, given: argparse.Namespace) -> None:
    debian = {package.name for component in all_components() for package in component.packages if not package.optional}
    bench.lab.serve_packages(sorted({*debian, "syslog-ng-core", "syslog-ng-mod-http", "python3-apt"}))
    bench.lab.each(lambda host: host.install("python3-apt"))
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}\n")
    print(
        "| hosts | | resources | staddle apply | roles, pipelining | | roles, Mitogen | | processors, ADMIN side: ours |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for number in given.hosts:
        bench.write(number)
        bench.apply()
        for interval in INTERVALS if number in given.peers else ():
            bench.write(number, interval)
            bench.prepare_roles(interval)

        def ours(interval: str, number: int = number) -> tuple[Run, int]:
            bench.write(number, interval)
            return bench.apply()

        found = {OURS: bench.measure(OURS, ours, given.runs)}
        if number in given.peers:
            # A run of roles takes minutes.
            runs = given.runs if number == 1 else min(given.runs, 1)
            if bench.mitogen:
                found[MITOGEN] = bench.measure(MITOGEN, lambda interval: bench.play(interval, mitogen=True), runs)
            found[PLAIN] = bench.measure(PLAIN, lambda interval: bench.play(interval, mitogen=False), runs)
        for case in (SAME, EDIT):
            mine = found[OURS][case]
            if not mine:
                continue
            cells = [str(number), case, str(bench.tasks) if number in given.peers else "", f"{median(mine)} s"]
            for peer in (PLAIN, MITOGEN):
                theirs = found.get(peer, {}).get(case)
                cells += [f"{median(theirs)} s", ratio(theirs, mine)] if theirs else ["", ""]
            print(f"| {' | '.join([*cells, f'{cpu(mine)} s'])} |", flush=True)
    if given.simulated:
        runs = simulate(bench, given.simulated, given.runs)
        print(f"| {given.simulated} (simulated) | {SAME} | | {median(runs)} s | | | | | {cpu(runs)} s |")
    print(f"\nload average at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
