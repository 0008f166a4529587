"""What an inventory asks for: lists, aliases, versions, files by URL; and what its nodes install."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from staddle.inventory.load import parse_inventory
from staddle.repo.model import RepoError, Target
from staddle.repo.request import aliases, url_files, wishes
from staddle.repo.upstreams.host import Host
from staddle.repo.wanted import this_machine, wanted

if TYPE_CHECKING:
    from staddle.repo.wanted import Wanted

BOOKWORM, TRIXIE, EL9 = Target("debian", "12", "x86_64"), Target("debian", "13", "x86_64"), Target("el", "9", "x86_64")
HOST = Host("", "", Path("/nonexistent"), (), {})

INVENTORY = """\
all:
  children:
    infra: {hosts: {10.0.0.1: {infra_seq: 1}}}
    nodes: {hosts: {10.0.0.2: {node_packages: [tmux]}}}
  vars:
    admin_ip: 10.0.0.1
    repo_modules: node
"""


def asked(target: Target, *items: str, versions: tuple[str, ...] = ("17",)) -> list[str]:
    found, wrong = wishes(target, {"repo_packages": items}, versions)
    assert wrong == []
    return [str(wish) for wish in found]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["nginx, chrony dnsmasq"], ["nginx", "chrony", "dnsmasq"]),
        (["nginx=1.22*", "jq>=1.6", "redis<<8"], ["nginx = 1.22*", "jq >= 1.6", "redis << 8"]),
        (["pgsql-mini"], ["postgresql-17", "postgresql-client-17"]),
        (["pgsql-mini:15"], ["postgresql-15", "postgresql-client-15"]),
        (["libstdc++6", "postgresql-1*-cron", "nginx", "nginx"], ["libstdc++6", "postgresql-1*-cron", "nginx"]),
        (["tool-${distro_codename}"], ["tool-bookworm"]),
        (["wine:i386"], None),
    ],
)  # fmt: skip
def test_items(items: list[str], expected: list[str] | None) -> None:
    if expected is None:
        _, wrong = wishes(BOOKWORM, {"repo_packages": items}, ["17"])
        assert wrong == ["repo_packages: 'wine:i386' is not a package's name"]
    else:
        assert asked(BOOKWORM, *items) == expected


def test_aliases_mean_what_the_system_calls_it_for_all_versions_of_postgresql() -> None:
    assert asked(EL9, "pgsql-mini") == ["postgresql17", "postgresql17-server", "postgresql17-libs"]
    assert asked(BOOKWORM, "postgresql", versions=("17", "16")) == ["postgresql-17", "postgresql-16"]
    assert set(aliases("deb")) == set(aliases("rpm"))
    found, _ = wishes(BOOKWORM, {"repo_extra_packages": ["postgresql"]}, ["17"])
    assert found[0].source == "repo_extra_packages: postgresql"


def of(tmp_path: Path, more: str = "", facts: dict[str, dict[str, Any]] | None = None, added: str = "") -> Wanted:
    (tmp_path / "facts").mkdir()
    for ip, data in (facts or {}).items():
        (tmp_path / "facts" / f"{ip}.json").write_text(json.dumps(data), encoding="utf-8")
    if added:
        (tmp_path / "repo.packages").write_text(added, encoding="utf-8")
    fleet = parse_inventory(INVENTORY + more).fleet
    return wanted(fleet, tmp_path / "staddle.yml", tmp_path, ())


DEBIAN = {"os_id": "debian", "arch": "amd64"}
SEEN = {
    "10.0.0.1": {**DEBIAN, "codename": "trixie", "version_id": "13"},
    "10.0.0.2": {**DEBIAN, "codename": "bookworm", "version_id": "12"},
}


def test_targets_are_those_of_the_nodes_as_last_seen(tmp_path: Path) -> None:
    assert of(tmp_path, facts=SEEN).targets == [BOOKWORM, TRIXIE]


def test_targets_may_be_named(tmp_path: Path) -> None:
    assert of(tmp_path, "    repo_targets: [el-9-x86_64]\n", SEEN).targets == [EL9]


def test_targets_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RepoError, match="'debian-11-x86_64' is not a release") as caught:
        assert of(tmp_path, "    repo_targets: [debian-11-x86_64]\n").targets
    assert "debian-12-x86_64" in (caught.value.hint or "")


def test_without_nodes_seen_it_is_this_machine(tmp_path: Path) -> None:
    own = this_machine()
    if own is None:
        pytest.skip("this machine's system is not one that packages can be had for")
    assert of(tmp_path).targets == [own]


def test_unset_lists_are_what_the_nodes_install(tmp_path: Path) -> None:
    want = of(tmp_path, facts=SEEN)
    trixie = {wish.name: wish for wish in want.request(TRIXIE, HOST).wishes}
    bookworm = {wish.name: wish for wish in want.request(BOOKWORM, HOST).wishes}
    assert {"nginx", "victoria-metrics", "chrony"} <= trixie.keys()
    assert "nginx" not in bookworm
    assert {"chrony", "tmux", "prometheus-node-exporter"} <= bookworm.keys()
    assert trixie["victoria-metrics"].op == ">="
    assert bookworm["tmux"].source == "what the nodes install (10.0.0.2)"
    assert bookworm["jq"].optional


def test_lists_add_up(tmp_path: Path) -> None:
    more = "    repo_packages: [nginx]\n    repo_extra_packages: [jq]\n"
    request = of(tmp_path, more, SEEN, added="# more\nhtop  # for Ann\n\ntree\n").request(BOOKWORM, HOST)
    assert [wish.name for wish in request.wishes] == ["nginx", "jq", "htop", "tree"]


def test_a_fleet_with_postgresql_gets_its_packages(tmp_path: Path) -> None:
    pg = "  children:\n    pg-meta: {hosts: {10.0.0.2: {pg_seq: 1}}, vars: {pg_cluster: pg-meta, pg_version: 16}}\n"
    (tmp_path / "facts").mkdir()
    fleet = parse_inventory(INVENTORY.replace("  children:\n", pg, 1) + "    repo_packages: []\n").fleet
    request = wanted(fleet, tmp_path / "staddle.yml", tmp_path, ()).request(BOOKWORM, HOST)
    assert {"postgresql-16", "postgresql-16-repack"} <= {wish.name for wish in request.wishes}


def test_the_digest_is_that_of_what_is_asked_for(tmp_path: Path) -> None:
    one = of(tmp_path, "    repo_packages: [b, a]\n", SEEN).request(BOOKWORM, HOST)
    assert len(one.digest) == 64
    folders = [tmp_path / name for name in "xyz"]
    for folder in folders:
        folder.mkdir()
    same = of(folders[0], "    repo_packages: ['a b']\n", SEEN).request(BOOKWORM, HOST)
    more = of(folders[1], "    repo_packages: [a, b, c]\n", SEEN).request(BOOKWORM, HOST)
    unverified = "    repo_upstream: [{name: base, module: node, verify: off, baseurl: {default: 'http://x ./'}}]\n"
    other = of(folders[2], f"    repo_packages: [a, b]\n{unverified}", SEEN).request(BOOKWORM, HOST)
    assert one.digest == same.digest
    assert len({one.digest, more.digest, other.digest}) == 3


def test_files_by_url_are_for_the_targets_that_they_fit() -> None:
    params = parse_inventory(INVENTORY + """\
    repo_url_packages:
      - https://example.org/tool_${arch}.deb?x=1
      - {name: tool.rpm, url: https://example.org/download/7}
      - {name: pinned.deb, url: https://example.org/8, sha256: """ + "a" * 64 + "}\n").fleet.infra[0].params  # fmt: skip
    found = url_files(BOOKWORM, params.repo_url_packages, "17")
    assert [(file.name, file.url) for file in found] == [
        ("tool_amd64.deb", "https://example.org/tool_amd64.deb?x=1"), ("pinned.deb", "https://example.org/8"),
    ]  # fmt: skip
    assert [file.name for file in url_files(EL9, params.repo_url_packages, "17")] == ["tool.rpm"]


def test_an_inventory_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(RepoError, match="no INFRA node of this inventory has a repository"):
        of(tmp_path, "    repo_enabled: false\n")
