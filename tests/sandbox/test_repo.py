"""`staddle repo`, as a user runs it, against this machine's own Debian mirror: for two releases, one of them not its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.repo_publish.packages import make_deb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INVENTORY = """\
all:
  children:
    infra:
      hosts:
        10.10.10.10: {infra_seq: 1}
  vars:
    admin_ip: 10.10.10.10
    repo_modules: host
    repo_targets: [debian-12-x86_64, debian-13-x86_64]
    repo_packages: [jq]
    repo_extra_packages: []
"""
TARGETS = {"debian-12-x86_64": "bookworm", "debian-13-x86_64": "trixie"}


@dataclass
class Admin:
    """A directory with an inventory, and a cache of its own."""

    home: Path
    cache: Path

    def staddle(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "staddle", "repo", *arguments]
        environment = {**os.environ, "STADDLE_CACHE": str(self.cache), "LC_ALL": "C.UTF-8"}
        result = subprocess.run(
            argv, cwd=self.home, env=environment, capture_output=True, text=True, check=False, timeout=280
        )
        if code is not None:
            assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def data(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.staddle(*arguments, "--json", code=code).stdout)

    @property
    def served(self) -> Path:
        return self.home / "files/repo/www/staddle"

    @property
    def lock(self) -> Path:
        return self.home / "repo.lock"

    def packages(self) -> set[str]:
        return {file.name for file in (self.cache / "repo/packages").rglob("*") if file.is_file()}


def admin_in(folder: Path, cache: Path, inventory: str = INVENTORY) -> Admin:
    folder.mkdir()
    (folder / "staddle.yml").write_text(inventory, encoding="utf-8")
    return Admin(folder, cache)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Admin:
    """One whose repository is built. Tests go on where the one before was, in the order of this file."""
    return admin_in(tmp_path_factory.mktemp("repo") / "admin", cache)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Admin:
    """One for a single release, built as well."""
    text = INVENTORY.replace("debian-12-x86_64, ", "")
    own = admin_in(tmp_path_factory.mktemp("repo") / "small", cache, text)
    own.staddle("build")
    return own


def apt(root: Path, repository: Path, codename: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """apt of a host that has nothing installed and no other source, with signatures enforced."""
    for folder in ("state/lists/partial", "cache/archives/partial", "parts"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "status").touch()
    (root / "parts/own.sources").write_text(
        f"Types: deb\nURIs: file:{repository.resolve()}\nSuites: {codename}\nComponents: main\n"
        f"Signed-By: {repository / 'repo.asc'}\n",
        encoding="utf-8",
    )
    settings = {
        "Dir::State": root / "state", "Dir::State::status": root / "status", "Dir::Cache": root / "cache",
        "Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": root / "parts",
        "Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": root / "none",
        "APT::Architecture": "amd64", "APT::Sandbox::User": "root", "Acquire::Languages": "none",
    }  # fmt: skip
    argv = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in settings.items()), *arguments]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def test_plan_tells_and_changes_nothing(admin: Admin) -> None:
    plan = admin.data("plan", code=2)
    assert plan["ok"]
    assert plan["differs"]
    for changes in plan["changes"]:
        assert {"jq", "libjq1", "libc6"} <= {package["name"] for package in changes["added"]}
        assert changes["missing_bytes"] == sum(package["size"] for package in changes["added"])
    assert not admin.lock.exists()
    assert not admin.served.exists()
    assert admin.packages() == set()


def test_build_makes_a_repository_that_apt_installs_from(admin: Admin, tmp_path: Path) -> None:
    built = admin.data("build")
    assert built["changed"]
    assert built["downloaded_bytes"] == sum(target["bytes"] for target in built["targets"])
    for codename in TARGETS.values():
        root = tmp_path / codename
        update = apt(root, admin.served, codename, ["update"])
        assert (update.returncode, update.stderr) == (0, ""), update.stderr
        install = apt(
            root, admin.served, codename, ["install", "--download-only", "--yes", "--no-install-recommends", "jq"]
        )
        assert install.returncode == 0, install.stderr


def test_apt_would_have_chosen_the_same(admin: Admin, tmp_path: Path) -> None:
    """The lock is the solution of apt's own solver, for a host that has nothing installed."""
    locked = {f"{p['name']} {p['version']}" for p in admin.data("ls", "--target", "debian-12-x86_64")}
    root = tmp_path / "apt"
    update = apt(root, admin.served, "bookworm", ["update"])
    assert update.returncode == 0
    plan = apt(root, admin.served, "bookworm", ["install", "--simulate", "--no-install-recommends", "jq"]).stdout
    chosen = {
        f"{line.split()[1]} {line.split('(')[1].split(' ')[0]}" for line in plan.splitlines() if line.startswith("Inst")
    }
    assert chosen == locked, "nothing is missing, and nothing is there in vain"


def test_an_unchanged_list_is_reused_at_once(admin: Admin) -> None:
    lock, served = admin.lock.read_bytes(), admin.served.resolve()
    again = admin.data("build")
    assert (again["changed"], again["downloaded_bytes"]) == (False, 0)
    assert (admin.lock.read_bytes(), admin.served.resolve()) == (lock, served)
    assert "nothing would change" in admin.staddle("plan").stdout
    assert admin.data("plan", "--update")["differs"] is False
    assert admin.data("verify") == {"ok": True, "problems": []}


def test_the_lock_alone_is_enough_elsewhere(admin: Admin, tmp_path: Path) -> None:
    """Whoever has the inventory and its lock gets the same packages; here from the cache."""
    other = admin_in(tmp_path / "other", admin.cache)
    other.lock.write_bytes(admin.lock.read_bytes())
    assert "what is locked is not built yet; 0 bytes to download" in other.staddle("plan", code=2).stdout
    before = other.lock.read_bytes()
    assert other.data("build")["downloaded_bytes"] == 0
    assert other.lock.read_bytes() == before


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_downloaded(admin: Admin, tmp_path: Path) -> None:
    wrong = "[jqq, jq=0.1, exim4-daemon-light, postfix]"
    other = admin_in(tmp_path / "other", admin.cache, INVENTORY.replace("[jq]", wrong))
    before = admin.packages()
    report = other.staddle("build", code=1).stderr
    for codename in TARGETS:
        assert f"jqq is in no upstream {codename} (repo_packages)" in report
        assert f"exim4-daemon-light, postfix can't be installed together {codename}" in report
    assert "did you mean jq" in report
    assert "jq = 0.1 is there as" in report
    assert "6 problems" in report
    data = other.data("build", code=1)
    assert {(t["kind"], t["target"]) for t in data["troubles"]} == {
        (kind, target) for kind in ("unknown", "version", "conflict") for target in TARGETS
    }
    assert not other.lock.exists()
    assert not other.served.exists()
    assert admin.packages() == before


def test_add_keeps_what_is_there(small: Admin, tmp_path: Path) -> None:
    before = {(p["target"], p["name"]): p["version"] for p in small.data("ls")}
    added = small.data("add", "tree")
    assert [[package["name"] for package in changes["added"]] for changes in added["changes"]] == [["tree"]]
    assert (small.home / "repo.packages").read_text(encoding="utf-8").endswith("\ntree\n")
    after = {(p["target"], p["name"]): p["version"] for p in small.data("ls")}
    assert after.items() > before.items()


def test_what_can_not_be_added_leaves_no_trace(small: Admin) -> None:
    listing, lock = (small.home / "repo.packages").read_bytes(), small.lock.read_bytes()
    assert "treee is in no upstream" in small.staddle("add", "sl", "treee", code=1).stderr
    assert ((small.home / "repo.packages").read_bytes(), small.lock.read_bytes()) == (listing, lock)
    assert "there is no file" in small.staddle("add", "./absent.deb", code=1).stderr
    assert small.data("plan")["differs"] is False


def test_a_file_can_be_added_with_what_it_needs(small: Admin, tmp_path: Path) -> None:
    lock = small.home / "old.lock"
    lock.write_bytes(small.lock.read_bytes())
    file = make_deb(tmp_path, "own-tool", "1.0-1", arch="amd64", Depends="pv")
    small.staddle("add", str(file))
    rows = small.data("ls", "own-*")
    assert [(row["version"], row["origin"]) for row in rows] == [("1.0-1", "url")]
    difference = small.data("diff", "old.lock", code=2)
    assert [{p["name"] for p in changes["added"]} for changes in difference] == [{"own-tool", "pv"}]
    assert "2 added, 0 removed, 0 exchanged" in small.staddle("diff", "old.lock", code=2).stdout
    assert small.staddle("diff", "repo.lock").stdout == ""
    broken = make_deb(tmp_path, "needy", "1.0-1", arch="amd64", Depends="libgone (>= 2)")
    assert "needy 1.0-1 needs libgone (>= 2), which no upstream has" in small.staddle("add", str(broken), code=1).stderr
    assert not list((small.home / "files/repo/local").glob("needy*"))


def test_what_is_tampered_with_is_named_and_mended(small: Admin) -> None:
    file = next(small.served.resolve().glob("pool/trixie/**/libjq1_*.deb"))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    problems = small.data("verify", code=1)["problems"]
    assert any(file.name in problem for problem in problems)
    assert all(file.name in problem for problem in problems), "and nothing else"
    built = small.staddle("build")
    assert f"downloading {file.name} anew" in built.stderr
    assert small.data("verify")["ok"]
    assert file.parent.joinpath(file.name).exists()


def test_what_nobody_uses_is_pruned(small: Admin) -> None:
    small.staddle("prune")
    stray = small.cache / "repo/packages/ab"
    stray.mkdir(exist_ok=True)
    (stray / ("ab" + "0" * 62)).write_bytes(b"1234")
    (stray / ("ab" + "1" * 62 + ".part")).write_bytes(b"12")
    assert small.data("prune") == {"files": 2, "bytes": 6}
    assert small.data("plan")["differs"] is False
    assert small.data("build")["downloaded_bytes"] == 0


@pytest.mark.parametrize("command", ["build", "plan", "add", "verify", "prune", "ls", "diff"])
def test_every_command_explains_itself(admin: Admin, command: str) -> None:
    text = admin.staddle(command, "--help").stdout
    assert "--json" in text
    assert "--inventory" in text
