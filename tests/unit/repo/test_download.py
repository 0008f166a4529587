"""Downloads: whole or not there; resumed where they broke off; what is wrong is named."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo.upstreams import Server, serve

from staddle.repo.cache import Cache
from staddle.repo.download import Sources, download, missing, place
from staddle.repo.model import LockedPackage, RepoError, Trust, Upstream
from staddle.repo.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 300_000
ROUNDS = int(os.environ.get("STADDLE_DOWNLOAD_ROUNDS", "4"))


class Record:
    """Who watches."""

    def __init__(self) -> None:
        self.files: list[tuple[str, int, int]] = []
        self.totals: list[tuple[int, int]] = []

    def step(self, text: str) -> None: ...

    def total(self, files: int, size: int) -> None:
        self.totals.append((files, size))

    def received(self, file: str, received: int, size: int) -> None:
        self.files.append((file, received, size))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Server]:
    root = tmp_path / "mirror"
    root.mkdir()
    with serve(root) as running:
        yield running


def packages(folder: Path, count: int = 3, size: int = SIZE) -> list[LockedPackage]:
    found = []
    for number in range(count):
        content = random.Random(number).randbytes(size + number)
        (folder / "mirror" / f"p{number}.deb").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        found.append(
            LockedPackage(f"p{number}", "1", "all", sha256, len(content), "vendor", f"p{number}.deb", f"p{number}.deb")
        )
    return found


def sources(*urls: str) -> Sources:
    return Sources({"vendor": Upstream("vendor", "x", "deb", urls, "s", (), Trust("off"))}, {})


def fetch(wanted: list[LockedPackage], server: Server, cache: Cache, *urls: str) -> int:
    return download(wanted, sources(*(urls or (server.url,))), cache, Web(pause=0.001), Record())


def refused(wanted: list[LockedPackage], server: Server, cache: Cache, *urls: str) -> RepoError:
    with pytest.raises(RepoError) as caught:
        fetch(wanted, server, cache, *urls)
    return caught.value


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def whole(wanted: list[LockedPackage], cache: Cache) -> bool:
    return all(hashlib.sha256(cache.package(p.sha256).read_bytes()).hexdigest() == p.sha256 for p in wanted)


def leftovers(cache: Cache) -> list[str]:
    return [file.name for file in cache.root.rglob("*.part")]


def test_files_arrive_once(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted, watch = packages(tmp_path), Record()
    size = sum(package.size for package in wanted)
    assert download(wanted, sources(mirror.url), cache, Web(), watch) == size
    assert whole(wanted, cache)
    assert watch.totals == [(3, size)]
    assert {(file, received) for file, received, of in watch.files if received == of} == {
        (package.file, package.size) for package in wanted
    }
    assert fetch(wanted, mirror, cache) == 0
    assert len(mirror.requests) == 3
    assert leftovers(cache) == []


@pytest.mark.parametrize("ranges", [True, False], ids=["resumes", "a server without ranges starts over"])
def test_what_broke_off_goes_on(mirror: Server, cache: Cache, tmp_path: Path, ranges: bool) -> None:
    wanted = packages(tmp_path)
    mirror.faults.no_ranges = not ranges
    mirror.faults.cut = {"p1.deb": [1000, 100_000]}
    fetch(wanted, mirror, cache)
    assert whole(wanted, cache)
    asked = [span for _, span in mirror.asked("p1.deb")]
    assert asked == ["", "bytes=1000-", "bytes=101000-" if ranges else "bytes=100000-"]


def test_a_server_that_dies_for_good_is_reported_and_the_rest_is_kept(
    mirror: Server, cache: Cache, tmp_path: Path
) -> None:
    wanted = packages(tmp_path)
    mirror.faults.cut = {"p1.deb": [5000, 0, 0, 0, 0, 0]}
    error = refused(wanted, mirror, cache)
    assert error.message.startswith("1 of 3 files could not be downloaded")
    assert "p1.deb: broke off after 5000 of 300001 bytes" in error.message
    assert missing(wanted, cache) == [wanted[1]]
    mirror.faults.cut = {}
    fetch(wanted, mirror, cache)
    assert whole(wanted, cache)
    assert mirror.asked("p1.deb")[-1] == (206, "bytes=5000-")


def test_a_tampered_package_is_refused_by_name_and_never_kept(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted = packages(tmp_path)
    file = tmp_path / "mirror/p2.deb"
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    error = refused(wanted, mirror, cache)
    assert "p2.deb: its SHA-256 is" in error.message
    assert not cache.package(wanted[2].sha256).exists()
    assert len(mirror.asked("p2.deb")) == 1, "another try gives the same"
    file.write_bytes(content + b"more")
    assert "is larger than" in refused(wanted, mirror, cache).message


def test_a_part_that_is_not_ours_costs_one_more_try(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted = packages(tmp_path)
    for package, left in zip(wanted, (b"x" * 5000, b"y" * SIZE * 2, b""), strict=True):
        final = cache.package(package.sha256)
        final.parent.mkdir(parents=True, exist_ok=True)
        final.with_name(f"{final.name}.part").write_bytes(left)
    fetch(wanted, mirror, cache)
    assert whole(wanted, cache)
    assert leftovers(cache) == []


def test_mirrors_are_tried_in_order_and_all_failures_told(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted = packages(tmp_path)
    mirror.faults.refuse = {"bad": 404, "worse": 403}
    fetch(wanted, mirror, cache, f"{mirror.url}/bad", mirror.url)
    assert whole(wanted, cache)
    error = refused(wanted, mirror, Cache(tmp_path / "other"), f"{mirror.url}/bad", f"{mirror.url}/worse")
    assert "3 of 3 files" in error.message
    assert "bad/p0.deb is not there any more" in error.message
    assert "worse/p0.deb: HTTP status 403" in error.message


def test_an_upstream_that_is_gone_from_the_definitions(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted = packages(tmp_path, 1)
    with pytest.raises(RepoError, match=r"p0.deb comes from vendor, which is no upstream any more"):
        download(wanted, Sources({}, {}), cache, Web(), Record())


def test_staging_holds_exactly_the_lock(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted, staging = packages(tmp_path), tmp_path / "staging"
    fetch(wanted, mirror, cache)
    place(wanted, cache, staging)
    assert sorted(file.name for file in staging.iterdir()) == ["p0.deb", "p1.deb", "p2.deb"]
    assert (staging / "p0.deb").stat().st_ino == cache.package(wanted[0].sha256).stat().st_ino
    (staging / "stray").touch()
    place(wanted[:2], cache, staging)
    assert sorted(file.name for file in staging.iterdir()) == ["p0.deb", "p1.deb"]


def test_killed_at_any_moment_it_goes_on(mirror: Server, cache: Cache, tmp_path: Path) -> None:
    wanted = packages(tmp_path, 6, 2_000_000)
    mirror.faults.pause = 0.004
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from staddle.repo.cache import Cache\n"
        "from staddle.repo.web import Web\n"
        "from tests.unit.repo.test_download import Record, download, sources\n"
        "from staddle.repo.model import Lock, Target\n"
        "lock = Lock.parse(Path(sys.argv[1]).read_text())\n"
        "print('ready', flush=True)\n"
        "download(lock.targets[0].packages, sources(sys.argv[2]), Cache(Path(sys.argv[3])), Web(), Record(), parallel=3)\n"
    )
    from staddle.repo.model import Lock, Target, TargetLock

    lock = tmp_path / "lock"
    lock.write_text(Lock((TargetLock(Target("debian", "12", "x86_64"), "x", tuple(wanted)),)).text(), encoding="utf-8")
    argv = [sys.executable, "-c", script, str(lock), mirror.url, str(cache.root)]
    chance, received = random.Random(7), 0
    for _ in range(ROUNDS):
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.02, 0.25))
            process.send_signal(signal.SIGKILL)
        assert whole([p for p in wanted if cache.package(p.sha256).exists()], cache)
        there = sum(file.stat().st_size for file in cache.root.rglob("*") if file.is_file())
        assert there >= received, "nothing that was received is lost"
        received = there
    subprocess.run(argv, check=True, capture_output=True)
    assert whole(wanted, cache)
    assert leftovers(cache) == []
