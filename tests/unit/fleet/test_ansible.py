"""Without our command line: the playbooks and the inventory as Ansible's users take them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.fleet.boxes import ADDRESSES, FILES, Boxes

from staddle.drive.fleet import environment

pytestmark = pytest.mark.usefixtures("becomes_root")


def test_the_playbook_alone_checks_and_shows_diffs_then_converges(boxes: Boxes) -> None:
    checked = boxes.playbook("deploy", "--check", "--diff", "--tags", FILES, "--limit", ADDRESSES[1])
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"+++ {boxes.file(ADDRESSES[1])}" in checked.stdout
    assert "changed=1" in checked.stdout
    assert not boxes.tree(ADDRESSES[1])
    applied = boxes.playbook("deploy", "--tags", FILES, "--limit", ADDRESSES[1])
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert boxes.file(ADDRESSES[1]).exists()
    assert not boxes.tree(ADDRESSES[0])
    again = boxes.playbook("deploy", "--tags", FILES, "--limit", ADDRESSES[1])
    assert "changed=0" in again.stdout


def test_ansibles_own_yaml_inventory_does_as_well(boxes: Boxes) -> None:
    applied = boxes.playbook("deploy", "--tags", FILES, ANSIBLE_INVENTORY_ENABLED="yaml")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert all(boxes.file(ip).exists() for ip in ADDRESSES)


def test_no_secret_is_printed_and_none_is_left_behind(boxes: Boxes) -> None:
    boxes.vars["nginx_users"] = {"dba": "a password that is nobody's"}
    boxes.write()
    shown = boxes.playbook("deploy", "--check", "--diff", "-vvvvv")
    everything = shown.stdout + shown.stderr
    assert "nginx failed" in everything, "its program is not there, but its files were sent"
    key = (boxes.home / f"files/pki/{ADDRESSES[0]}/nginx.key").read_text(encoding="utf-8").splitlines()[1]
    [hashed] = json.loads((boxes.home / "files/portal-users.json").read_text(encoding="utf-8")).values()
    for secret in (key, str(hashed), "a password that is nobody's", "PRIVATE KEY"):
        assert secret not in everything
    assert not list((boxes.home / "files/runs").iterdir())
    for path in (boxes.home / "files").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.suffix == ".crt", path


def test_removal_wants_to_be_confirmed(boxes: Boxes) -> None:
    boxes.playbook("deploy", "--tags", FILES, "--limit", ADDRESSES[1])
    refused = boxes.playbook("node_rm", "--limit", ADDRESSES[1])
    assert refused.returncode != 0
    assert "staddle_confirm=yes" in refused.stdout
    assert boxes.file(ADDRESSES[1]).exists()
    removed = boxes.playbook("node_rm", "--limit", ADDRESSES[1], "-e", "staddle_confirm=yes")
    assert removed.returncode == 0, removed.stdout
    assert not boxes.tree(ADDRESSES[1])


def test_the_inventory_is_resolved_and_has_no_secrets(boxes: Boxes) -> None:
    boxes.vars |= {"nginx_users": {"dba": "hidden-1"}, "portal_url": "https://${admin_ip}/", "ansible_user": "ops"}
    boxes.own[ADDRESSES[2]] = {"ansible_port": "{{ 2000 + 22 }}", "ansible_host": "third.example"}
    boxes.write()
    argv = [sys.executable, "-m", "ansible.cli.inventory", "-i", str(boxes.inventory), "--list"]
    env = {**os.environ, **environment()}
    result = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "hidden-1" not in result.stdout
    data = json.loads(result.stdout)
    assert data["infra"]["hosts"] == [ADDRESSES[0]]
    assert data["workers"]["hosts"] == list(ADDRESSES[1:])
    third = data["_meta"]["hostvars"][ADDRESSES[2]]
    assert third["portal_url"] == f"https://{ADDRESSES[0]}/"
    assert (third["ansible_host"], third["ansible_user"]) == ("third.example", "ops")
    assert third["node_cluster"] == "workers"


def test_a_wrong_inventory_runs_nothing(boxes: Boxes) -> None:
    boxes.vars["nginx_port"] = "eighty"
    boxes.write()
    for enabled in ("staddle.infra.fleet", "yaml"):
        result = boxes.playbook("deploy", "--tags", FILES, ANSIBLE_INVENTORY_ENABLED=enabled)
        assert result.returncode != 0
        assert "nginx_port" in result.stdout + result.stderr
    assert not any(boxes.tree(ip) for ip in ADDRESSES)


def test_the_collection_is_documented_for_ansible_doc() -> None:
    for kind, name in (("module", "converge"), ("inventory", "fleet"), ("callback", "events")):
        argv = [sys.executable, "-m", "ansible.cli.doc", "-t", kind, f"staddle.infra.{name}"]
        env = {**os.environ, **environment(), "ANSIBLE_NOCOLOR": "1", "PAGER": "cat"}
        result = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert Path(name).name in result.stdout
