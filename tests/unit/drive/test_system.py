"""From a host's facts to its layout."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.unit.fleets import LAPTOP, fleet_of
from tests.unit.systems import BOOKWORM, TRIXIE, facts_with

from staddle.converge.host import host_facts
from staddle.drive.facts import HostFacts, PackageFacts
from staddle.drive.system import system_layout, unavailable, wanted_packages
from staddle.errors import StaddleError


def test_programs_are_where_the_hosts_packages_put_them() -> None:
    programs = system_layout(TRIXIE).programs
    assert programs["nginx"].path == "/usr/sbin/nginx"
    assert programs["victoria-metrics"].version == "1.112.0+ds1-2"
    assert programs["victoria-metrics"].origin == "trixie"
    assert not programs["alertmanager"].web_ui


def test_what_is_too_old_is_not_offered_and_said_to_be() -> None:
    assert "victoria-metrics" not in system_layout(BOOKWORM).programs
    said = "\n".join(unavailable(fleet_of(LAPTOP).nodes[0], BOOKWORM))
    assert "vmetrics, vmalert" in said or "vmalert, vmetrics" in said
    assert "must be 1.100 or newer, and the newest that debian bookworm has is 1.79.5" in said


def test_an_installed_version_counts_if_it_will_do_and_else_the_candidate() -> None:
    def nginx(installed: str | None, candidate: str | None) -> str | None:
        program = system_layout(facts_with(TRIXIE, nginx=PackageFacts(installed, candidate))).programs.get("nginx")
        return program.version if program else None

    assert nginx("1.26.3-3", "1.26.3-3+deb13u1") == "1.26.3-3"
    assert nginx("1.14.2-2", "1.26.3-3") == "1.26.3-3"
    assert nginx("1.14.2-2", None) is None
    assert nginx(None, None) is None


def test_only_what_is_switched_on_is_missed() -> None:
    off = LAPTOP.replace("nodename: box", "nodename: box, vmetrics_enabled: false, vmalert_enabled: false")
    said = unavailable(fleet_of(off).nodes[0], BOOKWORM)
    assert not [line for line in said if "victoria-metrics" in line]


def test_a_system_of_another_family_is_named() -> None:
    [line] = unavailable(fleet_of(LAPTOP).nodes[0], replace(TRIXIE, os_id="rocky", version_id="9.4"))
    assert "rocky 9.4" in line


def test_facts_survive_json_and_nonsense_is_refused() -> None:
    assert HostFacts.from_data(json.loads(json.dumps(TRIXIE.to_data()))) == TRIXIE
    nonsenses: tuple[object, ...] = ({}, [], None, {**TRIXIE.to_data(), "packages": 3})
    for nonsense in nonsenses:
        with pytest.raises(StaddleError, match="not the facts of a host"):
            HostFacts.from_data(nonsense)


def test_this_hosts_facts_are_told_by_the_command_line_as_in_process() -> None:
    command = [sys.executable, "-m", "staddle.converge", "--facts", "--packages", "dpkg,no-such-package"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told == host_facts(["dpkg", "no-such-package"])
    facts = HostFacts.from_data(told)
    assert facts.packages["no-such-package"] == PackageFacts(None, None)
    assert facts.python == ".".join(map(str, sys.version_info[:3]))


def test_every_component_is_asked_for() -> None:
    assert {"nginx", "chrony", "prometheus-node-exporter", "victoria-metrics"} <= set(wanted_packages())
