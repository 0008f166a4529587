"""The speed of the package repository: indexes against apt-ftparchive and dpkg-scanpackages, bundles against tar | zstd.

    .venv/bin/python bench/repo/bench.py [--packages DIR] [--rounds N]

Takes at least 300 packages, about 280 MiB, out of DIR (by default what apt of this machine has kept). Everything is read once
before, so that all find it in the page cache. Times are the best of N rounds. On a machine that is busy with other work,
compare processor seconds: they count what was done, not how long it had to wait.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.repo import apt_index
from staddle.repo.bundle import build
from staddle.repo.deb import control_of, fields_of
from staddle.repo.index_cache import IndexCache
from staddle.repo.model import LockedPackage, Target, TargetLock
from staddle.repo.publish import Part, publish
from staddle.repo.signing import Signer, open_signer

if TYPE_CHECKING:
    from collections.abc import Callable

Times = tuple[float, float]
TARGET = Target("debian", "12", "x86_64")
ONE = """
import sys, time
from staddle.repo.signing import open_signer
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import bench
bench.index(Path(sys.argv[1]), Path(sys.argv[2]), open_signer(Path(sys.argv[2]) / "pki", "bench", int(time.time())))
"""


def choose(source: Path, target: Path) -> list[Path]:
    """Packages of all sizes, 280 MiB or a little more, 300 or more of them."""
    found = sorted(source.glob("*.deb"), key=lambda path: path.stat().st_size)
    if len(found) < 300:
        sys.exit(f"{source} has {len(found)} packages; 300 are needed")
    names: set[str] = set()
    chosen, size = [], 0
    for path in found[:: max(1, len(found) // 330)]:
        name = path.name.partition("_")[0]
        if name not in names and path.stat().st_size < 20 * 2**20:
            names.add(name)
            chosen.append(target / path.name)
            shutil.copyfile(path, chosen[-1])
            size += path.stat().st_size
    return sorted(chosen)


def index(folder: Path, work: Path, signer: Signer) -> None:
    """What apt-ftparchive does, and more: Packages, its compressed forms, by-hash, Release, InRelease, Release.gpg."""
    cache = IndexCache(work / "cache.json")
    files = [entry.path for entry in os.scandir(folder) if entry.name.endswith(".deb")]
    entries = cache.entries(files, apt_index.read)
    cache.save()
    inputs = hashlib.sha256(
        repr(sorted((path, entry.sha256) for path, entry in zip(files, entries, strict=True))).encode()
    ).hexdigest()
    target = work / "dists"
    if (target / "inputs").exists() and (target / "inputs").read_text() == inputs:
        return
    plain = apt_index.packages({path.rpartition("/")[2]: entry for path, entry in zip(files, entries, strict=True)})
    for path, content in apt_index.distribution(
        "bookworm", {"amd64": plain}, signer, int(time.time()), label="bench"
    ).items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
    (target / "inputs").write_text(inputs)


def best(rounds: int, do: Callable[[], object], before: Callable[[], object] = lambda: None) -> Times:
    """The shortest time on the clock, and the least processor time, own and of what was started."""
    times, work = [], []
    for _ in range(rounds):
        before()
        used, began = _used(), time.perf_counter()
        do()
        times.append(time.perf_counter() - began)
        work.append(_used() - used)
    return min(times), min(work)


def _used() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def run(argv: list[str], cwd: Path) -> None:
    subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path("/var/cache/apt/archives"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="staddle-bench-") as scratch:
        measure(Path(scratch), options.packages, options.rounds)


def measure(root: Path, source: Path, rounds: int) -> None:
    folder, work = root / "debs", root / "work"
    folder.mkdir()
    work.mkdir()
    files = choose(source, folder)
    size = sum(file.stat().st_size for file in files)
    signer = open_signer(work / "pki", "bench", int(time.time()))
    rows: list[tuple[str, Times]] = []

    def forget() -> None:
        (work / "cache.json").unlink(missing_ok=True)
        shutil.rmtree(work / "dists", ignore_errors=True)

    ours = [sys.executable, "-c", ONE, str(folder), str(work), str(Path(__file__).parent)]
    archive = ["apt-ftparchive", "-o", "APT::FTPArchive::DoByHash=1", "--md5", "no", "--sha1", "no", "--sha512", "no"]
    rows.append(
        ("apt-ftparchive packages, SHA-256 only", best(rounds, lambda: run([*archive, "packages", "."], folder)))
    )
    rows.append(
        (
            "dpkg-scanpackages -h sha256",
            best(max(1, rounds // 3), lambda: run(["dpkg-scanpackages", "-m", "-h", "sha256", "."], folder)),
        )
    )
    rows.append(("ours, cold, a whole process", best(rounds, lambda: run(ours, root), forget)))
    rows.append(("ours, cold, in this process", best(rounds, lambda: index(folder, work, signer), forget)))
    rows.append(("ours, nothing changed, a whole process", best(rounds, lambda: run(ours, root))))
    unchanged = best(rounds, lambda: index(folder, work, signer))
    rows.append(("ours, nothing changed, in this process", unchanged))
    spare = folder / "spare"
    files[len(files) // 2].rename(spare)
    index(folder, work, signer)

    def put_back() -> None:
        if not spare.exists():
            files[len(files) // 2].rename(spare)
            index(folder, work, signer)
        spare.rename(files[len(files) // 2])
        IndexCache(work / "cache.json")

    rows.append(
        ("ours, one package added, in this process", best(rounds, lambda: index(folder, work, signer), put_back))
    )
    rows += bundles(root, folder, files, signer, rounds)
    report(files, size, rows)


def bundles(root: Path, folder: Path, files: list[Path], signer: Signer, rounds: int) -> list[tuple[str, Times]]:
    """Publishing these packages, and what it takes to put them into one file."""
    locked = []
    for file in files:
        fields = fields_of(control_of(file))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        locked.append(
            LockedPackage(
                fields["package"],
                fields["version"],
                fields["architecture"],
                digest,
                file.stat().st_size,
                "apt",
                file.name,
                file.name,
            )
        )
    part = Part(TargetLock(TARGET, "bench", tuple(locked)), folder)
    home = root / "www"
    now = int(time.time())

    def once() -> None:
        publish([part], home, "bench", signer, work=root / "index", wheel_files=[], now=now)

    def anew() -> None:
        for path in (home, root / "index"):
            shutil.rmtree(path, ignore_errors=True)

    rows = [
        ("publish: index, sign, link, cold", best(rounds, once, anew)),
        ("publish: nothing changed", best(rounds, once)),
    ]
    output = root / "bundle.pyz"
    rows.append(("bundle build", best(rounds, lambda: build(home, "bench", signer, output))))
    packed = f"tar -C {home}/bench -chf - . | zstd -q -T0 -o {root}/bundle.tar.zst -f"
    rows.append(("tar | zstd -T0 of the same tree", best(rounds, lambda: run(["sh", "-c", packed], root))))
    return rows


def report(files: list[Path], size: int, rows: list[tuple[str, Times]]) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{len(files)} packages, {size / 2**20:.0f} MiB; {datetime.now(UTC):%Y-%m-%d}; load {load} on {os.cpu_count()} cores\n"
    )
    print("| | seconds | processor seconds | MiB per processor second |\n|---|---:|---:|---:|")
    for name, (seconds, work) in rows:
        print(f"| {name} | {seconds:.3f} | {work:.3f} | {size / 2**20 / max(work, 1e-4):.0f} |")


if __name__ == "__main__":
    main()
