"""The commands for real hosts, on files only: plan, apply, drift, rollback, remove. Each runs Ansible as users do."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from tests.unit.fleet.boxes import ADDRESSES, FILES, Boxes, done

if TYPE_CHECKING:
    from pathlib import Path


def test_apply_does_what_plan_says_over_ssh_and_a_dead_host_stops_nobody(tmp_path: Path, ssh: dict[str, Any]) -> None:
    first, second, dead = ADDRESSES
    boxes = Boxes(tmp_path, ssh, own={dead: {"ansible_port": 1}})
    planned = boxes.json("plan", "-t", FILES, exits=1)
    assert not boxes.tree(first)
    assert planned["hosts"][dead]["unreachable"]
    applied = boxes.json("apply", "-t", FILES, exits=1)
    assert applied["hosts"][dead]["unreachable"]
    assert done(planned) == done(applied)
    assert {ip for ip, *_ in done(applied)} == {first, second}
    assert boxes.file(first).read_bytes() == boxes.file(second).read_bytes()
    assert boxes.file(first).read_bytes() == (boxes.home / "files/pki/ca/ca.crt").read_bytes()
    again = boxes.json("apply", "-t", FILES, "-l", f"{first},{second}", exits=0)
    assert not done(again)
    assert boxes.run("plan", "-t", FILES, "-l", f"{first},{second}").returncode == 0


def test_a_saved_plan_is_done_once_and_not_when_something_moved(boxes: Boxes) -> None:
    plan = str(boxes.home / "saved")
    assert boxes.run("plan", "-t", FILES, "--out", plan).returncode == 2
    assert (boxes.home / "saved").stat().st_mode & 0o777 == 0o600
    boxes.file(ADDRESSES[1]).parent.mkdir(parents=True)
    refused = boxes.run("apply", "--plan", plan)
    assert refused.returncode == 1
    assert f"{ADDRESSES[1]}: no longer create" in refused.stderr
    assert not any(boxes.file(ip).exists() for ip in ADDRESSES)
    shutil.rmtree(boxes.root(ADDRESSES[1]) / "etc")
    assert boxes.run("apply", "--plan", plan).returncode == 0
    assert all(boxes.file(ip).exists() for ip in ADDRESSES)
    boxes.vars["nginx_sslmode"] = "enable"
    boxes.write()
    assert "the inventory was edited" in boxes.run("apply", "--plan", plan).stderr


def test_drift_names_what_was_changed_by_hand_and_apply_mends_exactly_that(boxes: Boxes) -> None:
    boxes.json("apply", "-t", FILES, exits=0)
    assert boxes.run("drift").returncode == 0
    changed, missing, other = (boxes.file(ip) for ip in ADDRESSES)
    before = other.stat()
    changed.write_text("by hand\n")
    missing.unlink()
    found = boxes.json("drift", exits=2)["hosts"]
    assert {ip: [item["what"] for item in host["drift"]] for ip, host in found.items()} == {
        ADDRESSES[0]: ["content"],
        ADDRESSES[1]: ["missing"],
        ADDRESSES[2]: [],
    }
    applied = boxes.json("apply", "-t", FILES, exits=0)
    assert done(applied) == {
        (ADDRESSES[0], FILES, str(changed), "update"),
        (ADDRESSES[1], FILES, str(missing), "create"),
    }
    assert other.stat() == before
    assert boxes.run("drift").returncode == 0


def test_rollback_brings_back_what_was_there_before_the_last_change(boxes: Boxes) -> None:
    boxes.json("apply", "-t", FILES, exits=0)
    old = boxes.file(ADDRESSES[0]).read_bytes()
    shutil.rmtree(boxes.home / "files/pki")
    boxes.json("apply", "-t", FILES, exits=0)
    new = boxes.file(ADDRESSES[0]).read_bytes()
    assert new != old
    preview = boxes.json("rollback", "--check", "-l", ADDRESSES[0], exits=2)
    assert boxes.file(ADDRESSES[0]).read_bytes() == new
    rolled = boxes.json("rollback", "-l", ADDRESSES[0], exits=0)
    assert done(preview) == done(rolled) == {(ADDRESSES[0], FILES, str(boxes.file(ADDRESSES[0])), "update")}
    assert [boxes.file(ip).read_bytes() for ip in ADDRESSES] == [old, new, new]
    boxes.json("rollback", "-l", ADDRESSES[0], "-t", FILES, exits=0)
    assert boxes.file(ADDRESSES[0]).read_bytes() == new


def test_remove_takes_exactly_what_was_installed(boxes: Boxes) -> None:
    first, second, third = ADDRESSES
    boxes.json("apply", "-t", "node", exits=0)
    foreign = boxes.root(first) / "etc/pki/mine"
    foreign.write_text("not Staddle's\n")
    data = boxes.root(first) / "data/infra/targets/kept"
    data.write_text("data\n")
    aborted = boxes.run("remove", "-l", first)
    assert aborted.returncode == 1
    assert boxes.file(first).exists()
    preview = boxes.json("remove", "--check", "-l", f"{first},{second}", exits=2)
    removed = boxes.json("remove", "--yes", "-l", f"{first},{second}", exits=0)
    assert done(preview) == done(removed)
    assert boxes.tree(first) == {"etc", "etc/pki", "etc/pki/mine", "data", "data/infra", "data/infra/targets",
                                 "data/infra/targets/kept"}  # fmt: skip
    assert not boxes.tree(second)
    assert boxes.file(third).exists()
    assert boxes.run("rollback", "-l", second).returncode == 0, "what was removed by mistake comes back"
    assert boxes.file(second).exists()


def test_remove_with_data_takes_that_as_well_but_nothing_of_others(boxes: Boxes) -> None:
    first = ADDRESSES[0]
    boxes.json("apply", "-t", "node", "-l", first, exits=0)
    (boxes.root(first) / "data/infra/targets/kept").write_text("data\n")
    (boxes.root(first) / "data/postgres").write_text("somebody else's\n")
    boxes.json("remove", "--yes", "--data", "-l", first, exits=0)
    assert boxes.tree(first) == {"data", "data/postgres"}
    assert not (boxes.root(first) / "var/lib/staddle").exists()


def test_well_known_passwords_are_not_put_on_hosts(boxes: Boxes) -> None:
    boxes.vars["nginx_users"] = {"admin": "pigsty"}
    boxes.write()
    assert boxes.run("plan", "-t", FILES).returncode == 2
    refused = boxes.run("apply", "-t", FILES)
    assert refused.returncode == 1
    assert "nginx_users" in refused.stderr
    assert "pigsty" not in refused.stderr
    assert not boxes.tree(ADDRESSES[0])


def test_what_means_nothing_is_refused(boxes: Boxes) -> None:
    unknown = boxes.run("apply", "-t", "ngnix")
    assert (unknown.returncode, "did you mean nginx" in unknown.stderr) == (1, True)
    nobody = boxes.run("apply", "-l", "10.9.9.9")
    assert (nobody.returncode, "10.9.9.9" in nobody.stderr) == (1, True)
    boxes.inventory.write_text(json.dumps({"all": {"vars": {"nginx_prot": 1}}}), encoding="utf-8")
    broken = boxes.run("plan")
    assert (broken.returncode, "nginx_port" in broken.stderr) == (1, True)
