"""What building a repository takes beyond the download itself, against curl.

    .venv/bin/python bench/repo/download.py [--rounds N] [--target debian-13-x86_64]

The same files (some 300 packages, 300 MB) come from this machine's own Debian mirror, eight at a time: by curl, which only
writes them; by `staddle repo build` with its lock there and its cache empty, which also hashes, indexes, signs and publishes
them. They take turns. "download" is the part of the build in which files come in, and are verified; "build" is all of it
in a process that runs already; "command" is the command, with Python's start. CPU is user and system time, which a busy
machine doesn't change much.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from staddle.inventory import load_inventory
from staddle.repo.build import Repository
from staddle.repo.cache import Cache
from staddle.repo.upstreams.host import Host

INVENTORY = """\
all:
  children: {{infra: {{hosts: {{10.10.10.10: {{infra_seq: 1}}}}}}}}
  vars:
    admin_ip: 10.10.10.10
    repo_modules: host
    repo_targets: [{target}]
    repo_packages: [node-bootstrap, node-package1, node-package2, node-package3, infra-package, pgsql-utility]
    repo_extra_packages: ['{postgresql}']
"""


class Clock:
    """When downloads begin and end."""

    def __init__(self) -> None:
        self.marks: dict[str, tuple[float, float]] = {}

    def step(self, text: str) -> None:
        self.marks.setdefault(text.split(" ", maxsplit=1)[0], (time.perf_counter(), time.process_time()))

    def total(self, files: int, size: int) -> None:
        self.files, self.size = files, size

    def received(self, file: str, received: int, size: int) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--target", default="debian-13-x86_64")
    options = parser.parse_args()
    postgresql = "pgsql-full:15" if "-12-" in options.target else "pgsql-full:17"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        inventory, admin, cache = home / "staddle.yml", home / "files", Cache(home / "cache/repo")
        inventory.write_text(INVENTORY.format(target=options.target, postgresql=postgresql), encoding="utf-8")
        admin.mkdir(mode=0o700)
        fleet = load_inventory(inventory).fleet
        repository = Repository(fleet, inventory, admin, cache=cache)
        repository.build(Clock())
        config = curl_config(repository, home)
        rows: dict[str, list[tuple[float, float]]] = {"curl": [], "download": [], "build": [], "command": []}
        for _ in range(options.rounds):
            clean(home, "raw")
            (home / "raw").mkdir()
            rows["curl"].append(
                timed(["curl", "--silent", "--parallel", "--parallel-max", "8", "--config", config], home)
            )
            clean(home, "cache/repo/packages", "files/repo/www", "files/repo/staging", "files/repo/work")
            clock, start, cpu = Clock(), time.perf_counter(), time.process_time()
            Repository(fleet, inventory, admin, cache=cache).build(clock)
            rows["build"].append((time.perf_counter() - start, time.process_time() - cpu))
            (began, cpu_then), (ended, cpu_now) = clock.marks["downloading"], clock.marks["indexing"]
            rows["download"].append((ended - began, cpu_now - cpu_then))
            clean(home, "cache/repo/packages", "files/repo/www", "files/repo/staging", "files/repo/work")
            rows["command"].append(timed([sys.executable, "-m", "staddle", "repo", "build"], home))
        print(f"{clock.files} files, {clock.size / 1e6:.0f} MB, load {os.getloadavg()[0]:.1f}\n")
        print("| | seconds (median) | best | CPU (median) |\n|---|---:|---:|---:|")
        for name, runs in rows.items():
            seconds, cpu_seconds = zip(*runs, strict=True)
            print(
                f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {statistics.median(cpu_seconds):.2f} |"
            )


def curl_config(repository: Repository, home: Path) -> str:
    (part,) = repository.lock().targets
    urls = {upstream.name: upstream.urls[0] for upstream in Host.this().upstreams(part.target, "host")}
    lines = [f'url = "{urls[p.origin]}/{p.path}"\noutput = "{home}/raw/{p.file}"\n' for p in part.packages]
    file = home / "curl.config"
    file.write_text("".join(lines), encoding="utf-8")
    return str(file)


def clean(home: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(home / name, ignore_errors=True)
    os.sync()


def timed(argv: list[str], home: Path) -> tuple[float, float]:
    """Wall and CPU time of a program."""
    environment = {**os.environ, "STADDLE_CACHE": str(home / "cache")}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=home, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


if __name__ == "__main__":
    main()
