"""What hosts get from the ADMIN node, and what is compiled with it. That it can be fetched and works: tests/lab."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import LAPTOP, fleet_of, material_for
from tests.unit.systems import BOOKWORM, TRIXIE, facts_with

from staddle.compile import compile_fleet
from staddle.drive.facts import HostFacts, PackageFacts
from staddle.drive.supplies import Supplier, Supply, chosen_before, missing_packages
from staddle.drive.system import system_layout, unavailable
from staddle.manifest.canonical import to_data
from staddle.manifest.layout import EMBEDDED, Program
from staddle.manifest.resources import File, Offers, Tree
from staddle.programs.apt import Candidate
from staddle.programs.offers import Choice, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.manifest.resources import Block, Manifest

HOME = "/opt/staddle/victoria-metrics/1.112"
TREE = Tree(HOME, "ab" * 32, "victoria-metrics 1.112 of trixie from the ADMIN node")
METRICS = {
    name: Program(f"{HOME}/usr/bin/{name}", "1.112.0-1", "trixie", home=HOME, tree=TREE, needs=("libzstd1",))
    for name in ("victoria-metrics", "vmalert", "vmalert-tool")
}
ENGINE = Tree("/opt/staddle/engine/cd", "cd" * 32, "Staddle's engines", python="/usr/bin/python3")
LOGS = Program("/opt/staddle/engine/cd/bin/staddle-logs", "0.1.0", EMBEDDED, tree=ENGINE)


def manifest(supplied: dict[str, Program], facts: HostFacts = TRIXIE, **offered: str) -> Manifest:
    offers = Offers("Package: x\n", {"x": "ef" * 32}) if offered else None
    supply = Supply(programs=supplied, versions=offered, offers=offers)
    fleet = fleet_of(LAPTOP)
    layout = replace(system_layout(supply.amend(facts), supplied), offers=offers)
    return compile_fleet(fleet, lambda _: layout, material_for(fleet))[fleet.nodes[0].ip]


def block(found: Manifest, component: str) -> Block:
    return next(block for block in found.blocks if block.component == component)


def text(found: Block, path: str) -> str:
    return next(r.content.decode() for r in found.resources if isinstance(r, File) and r.path == path)


def test_a_program_that_is_sent_needs_its_tree_and_no_package_but_those_of_its_libraries() -> None:
    found = manifest({**METRICS, "staddle-logs": LOGS})
    for component in ("vmetrics", "vmalert"):
        assert block(found, component).trees == (TREE,)
        assert [package.name for package in block(found, component).packages] == ["libzstd1"]
    assert f"ExecStart={HOME}/usr/bin/vmalert " in text(block(found, "vmalert"), "/etc/systemd/system/vmalert.service")
    assert block(found, "nginx").trees == ()
    assert block(found, "vlogs").trees == (ENGINE,)
    assert not block(found, "vlogs").packages
    assert to_data(found)["blocks"][[b.component for b in found.blocks].index("vlogs")]["trees"][0]["python"]


def test_a_program_that_was_moved_runs_where_its_files_are() -> None:
    home = "/opt/staddle/prometheus-alertmanager/0.28"
    tree = Tree(home, "ab" * 32, "…")
    names = {"alertmanager": "prometheus-alertmanager", "amtool": "amtool"}
    programs = {n: Program(f"{home}/usr/bin/{p}", "0.28", "trixie", home=home, tree=tree) for n, p in names.items()}
    found = block(manifest({"staddle-logs": LOGS, **programs}), "alertmanager")
    unit = text(found, "/etc/systemd/system/alertmanager.service")
    assert f"WorkingDirectory={home}/usr/share/prometheus/alertmanager\n" in unit


def test_what_can_not_be_had_fails_alone_and_says_why() -> None:
    found = manifest({"staddle-logs": Program("", "", EMBEDDED, lacking="no network")})
    assert block(found, "vlogs").lacking == "no network"
    assert not block(found, "vlogs").resources
    assert block(found, "vmetrics").resources
    assert not [b.component for b in found.blocks if b.lacking and b.component != "vlogs"]


def test_packages_that_are_offered_are_as_good_as_the_hosts_own() -> None:
    bare = facts_with(TRIXIE, nginx=PackageFacts(None, None))
    node = fleet_of(LAPTOP).nodes[0]
    assert "nginx" in {package.name for package in missing_packages(node, bare)}
    supply = Supply(versions={"nginx": "1.26.3-3"})
    assert not [line for line in unavailable(node, supply.amend(bare)) if "nginx" in line]
    found = manifest({"staddle-logs": LOGS}, bare, nginx="1.26.3-3")
    assert block(found, "nginx").resources
    assert to_data(found)["offers"]["files"] == {"x": "ef" * 32}
    assert "offers" not in to_data(manifest({"staddle-logs": LOGS}))


@pytest.mark.parametrize(
    ("source", "missing"),
    [("auto", {"victoria-metrics"}), ("host", set()), ("admin", {"victoria-metrics", "nginx"})],
)
def test_who_gets_packages_is_chosen(source: str, missing: set[str]) -> None:
    node = fleet_of(LAPTOP.replace("nodename: box", f"nodename: box, node_package_source: {source}")).nodes[0]
    installed = {name: PackageFacts(known.candidate, known.candidate) for name, known in TRIXIE.packages.items()}
    installed |= {"openssh-server": PackageFacts("1:10", "1:10"), "victoria-metrics": PackageFacts(None, None)}
    facts = replace(TRIXIE, packages={**installed, "nginx": PackageFacts(None, "1.26.3")})
    found = {package.name for package in missing_packages(node, facts)}
    assert found & {"victoria-metrics", "nginx", "chrony"} == missing


def test_a_supplied_program_is_not_missed(tmp_path: Path) -> None:
    node = fleet_of(LAPTOP).nodes[0]
    assert [line for line in unavailable(node, BOOKWORM) if "victoria-metrics" in line]
    assert not [line for line in unavailable(node, BOOKWORM, METRICS) if "victoria-metrics" in line]
    assert not [line for line in unavailable(node, BOOKWORM) if "victoria-logs" in line], "Staddle has its own"


def test_what_was_chosen_once_is_remembered(tmp_path: Path) -> None:
    kind = Kind("bookworm", "amd64")
    assert chosen_before(tmp_path / "programs.json", kind) == {}
    item = {"version": "1.112.0-1", "suite": "trixie", "needs": ["libzstd1"]}
    (tmp_path / "programs.json").write_text(json.dumps({"bookworm-amd64": {"victoria-metrics": item}}))
    expected = Choice(Candidate("victoria-metrics", "1.112.0-1", "trixie"), ("libzstd1",))
    assert chosen_before(tmp_path / "programs.json", kind) == {"victoria-metrics": expected}
    assert chosen_before(tmp_path / "programs.json", Kind("bookworm", "arm64")) == {}


def test_a_host_whose_python_is_too_old_for_the_engines_is_told(tmp_path: Path) -> None:
    node = fleet_of(LAPTOP.replace("nodename: box", "nodename: box, node_package_source: host")).nodes[0]
    got = Supplier(tmp_path, print).supply(node, replace(TRIXIE, python="3.9.2"), None)
    assert "need Python 3.11 on the host, which has 3.9.2" in str(got.programs["staddle-logs"].lacking)
    assert not got.parcels
