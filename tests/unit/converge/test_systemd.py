"""The systemd manager against a stand-in for systemctl that records how it is called and answers as documented.

Real hosts with systemd are in tests/lab.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from staddle.converge.model import Health, Service
from staddle.converge.services import ManagerError
from staddle.converge.systemd import Systemd

if TYPE_CHECKING:
    from pathlib import Path

# A unit's properties are in units.json; a file `<verb>.fails` makes a verb fail with its text.
SYSTEMCTL = """#!{python}
import json, os, sys
here = os.path.dirname(sys.argv[0])
args = [a for a in sys.argv[1:] if a not in ("--no-ask-password", "--quiet")]
with open(here + "/calls", "a") as calls:
    calls.write(" ".join(args) + "\\n")
verb = args[0]
units = json.load(open(here + "/units.json"))
if os.path.exists(here + "/" + verb + ".fails"):
    sys.exit(open(here + "/" + verb + ".fails").read())
if verb == "show":
    blocks = []
    for name in args[2:]:
        unit = units.get(name, {{"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}})
        blocks.append("".join(f"{{k}}={{v}}\\n" for k, v in {{"Id": name, **unit}}.items()))
    print("\\n".join(blocks), end="")
if verb == "daemon-reload":
    for unit in units.values():
        unit["NeedDaemonReload"] = "no"
        unit["LoadState"] = "loaded"
    json.dump(units, open(here + "/units.json", "w"))
"""

ACTIVE = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "MainPID": "42",
    "Result": "success",
    "ExecMainStatus": "0",
    "NeedDaemonReload": "no",
    "CanReload": "yes",
    "UnitFileState": "enabled",
}


class Systemctl:
    def __init__(self, root: Path) -> None:
        self.root = root
        program = root / "systemctl"
        program.write_text(SYSTEMCTL.format(python=sys.executable))
        program.chmod(0o755)
        self.units()

    def units(self, **units: dict[str, Any]) -> None:
        data = {f"{name}.service": {**ACTIVE, **properties} for name, properties in units.items()}
        (self.root / "units.json").write_text(json.dumps(data))

    def fail(self, verb: str, text: str) -> None:
        (self.root / f"{verb}.fails").write_text(text)

    def calls(self) -> list[str]:
        """What was asked for, apart from questions."""
        lines = (self.root / "calls").read_text().splitlines()
        (self.root / "calls").unlink()
        return [line for line in lines if not line.startswith("show")]


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Systemctl(tmp_path)


def service(reload_signal: str | None = None) -> Service:
    return Service("web", "/etc/systemd/system/web.service", Health("http", url="http://x/"), reload_signal, 20, 10)


def test_all_states_in_one_call(systemctl: Systemctl) -> None:
    systemctl.units(
        web={},
        broken={
            "ActiveState": "failed",
            "SubState": "failed",
            "MainPID": "0",
            "Result": "exit-code",
            "ExecMainStatus": "1",
        },
        again={"ActiveState": "activating", "SubState": "auto-restart", "MainPID": "0", "Result": "exit-code"},
        coming={"ActiveState": "activating", "SubState": "start", "MainPID": "7"},
    )
    states = Systemd().states(["again", "broken", "coming", "none", "web"])
    assert (systemctl.root / "calls").read_text().count("\n") == 1
    assert {name: (state.running, state.pid) for name, state in states.items()} == {
        "again": (False, None),
        "broken": (False, None),
        "coming": (True, 7),
        "none": (False, None),
        "web": (True, 42),
    }
    assert states["broken"].detail == "failed (failed): exit-code, exit status 1"
    assert states["none"].detail == "no such unit"


@pytest.mark.parametrize(
    ("unit", "calls"),
    [
        ({}, ["reset-failed web.service", "restart web.service"]),
        ({"NeedDaemonReload": "yes"}, ["daemon-reload", "reset-failed web.service", "restart web.service"]),
        ({"UnitFileState": "disabled"}, ["enable web.service", "reset-failed web.service", "restart web.service"]),
        ({"UnitFileState": "static"}, ["reset-failed web.service", "restart web.service"]),
        ({"LoadState": "not-found"}, ["daemon-reload", "reset-failed web.service", "restart web.service"]),
    ],
)
def test_a_restart_does_what_the_unit_needs_first(systemctl: Systemctl, unit: dict[str, str], calls: list[str]) -> None:
    systemctl.units(web=unit)
    Systemd().restart(service())
    assert systemctl.calls() == calls


def test_the_first_drop_in_of_a_unit_is_taken_over(systemctl: Systemctl) -> None:
    drop_in = "/etc/systemd/system/web.service.d/50-staddle.conf"
    changed = Service("web", drop_in, Health("http", url="http://x/"), None, 20, 10)
    systemctl.units(web={})
    Systemd().restart(changed)
    assert systemctl.calls()[0] == "daemon-reload"
    systemctl.units(web={"DropInPaths": f"/lib/systemd/system/web.service.d/a.conf {drop_in}"})
    Systemd().restart(changed)
    assert "daemon-reload" not in systemctl.calls()


def test_reload_is_the_units_own_or_a_signal(systemctl: Systemctl) -> None:
    systemctl.units(web={})
    Systemd().reload(service("HUP"))
    assert systemctl.calls() == ["reload web.service"]
    systemctl.units(web={"CanReload": "no"})
    Systemd().reload(service("USR1"))
    assert systemctl.calls() == ["kill --kill-who=main --signal=SIGUSR1 web.service"]
    assert Systemd().can_reload(service("USR1"))
    assert not Systemd().can_reload(service())


def test_removal_disables_while_the_unit_file_is_there_and_reloads_after(systemctl: Systemctl) -> None:
    systemctl.units(web={})
    manager = Systemd()
    manager.remove("web", 10)
    assert systemctl.calls() == ["disable --now web.service", "reset-failed web.service"]
    manager.settle()
    assert systemctl.calls() == ["daemon-reload"]
    manager.remove("unknown", 10)
    manager.settle()
    assert systemctl.calls() == ["daemon-reload"]


def test_failures_are_told_in_systemds_words(systemctl: Systemctl) -> None:
    systemctl.units(web={"LoadState": "bad-setting"})
    with pytest.raises(ManagerError, match=r"systemd can't load web.service: bad-setting"):
        Systemd().start(service())
    systemctl.units(web={})
    systemctl.fail("start", "Job for web.service failed because the control process exited with error code.")
    with pytest.raises(ManagerError, match=r"systemctl start web.service: Job for web.service failed"):
        Systemd().start(service())
    systemctl.fail("reset-failed", "not loaded")
    Systemd().restart(service())


def test_a_host_without_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ManagerError, match="systemctl is not installed"):
        Systemd().states(["web"])
