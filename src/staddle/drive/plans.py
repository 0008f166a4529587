"""A plan as data: what would change on each host. It can be saved, and it can be seen whether it still holds."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from staddle.errors import FleetError
from staddle.inventory.scaffold import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.drive.rundir import RunDirectory

FORMAT = 1


def of_run(run: RunDirectory, inventory: Path) -> dict[str, Any]:
    """The plan that a run has made: by host, the address of its manifest and converge's report of a check.

    It has no secrets: reports never do.
    """
    compiled = run.get("compiled", "fleet") or {"digests": {}}
    hosts = {
        ip: {"manifest": compiled["digests"].get(ip), "report": _timeless(run.get("plan", ip))}
        for ip in run.hosts("plan")
    }
    inventory_hash = hashlib.sha256(inventory.read_bytes()).hexdigest()
    return {
        "format": FORMAT,
        "inventory": str(inventory.absolute()),
        "inventory_sha256": inventory_hash,
        "hosts": hosts,
    }


def save(plan: dict[str, Any], path: Path) -> None:
    """Readable by its owner only: a plan tells how hosts are set up. Raises StaddleError."""
    write_private(path, json.dumps(plan, indent=1, sort_keys=True) + "\n", force=True)


def read(path: Path) -> dict[str, Any]:
    """A saved plan. Raises FleetError if it isn't one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = isinstance(data, dict) and data.get("format") == FORMAT and isinstance(data.get("hosts"), dict)
    except OSError as error:
        raise FleetError(f"can't read the plan {path}: {error.strerror}") from error
    except ValueError:
        known = False
    if not known:
        raise FleetError(f"{path} is not a plan that `staddle plan --out` of this version wrote")
    plan: dict[str, Any] = data
    return plan


def agree(run: RunDirectory) -> None:
    """Whoever was asked has said yes to what the run would do."""
    run.put("agreed", "fleet", True)


def await_agreement(run: RunDirectory) -> None:
    """Until `agree`. Raises FleetError if whoever is asked is gone."""
    while run.get("agreed", "fleet") is None:
        if not run.is_owned:
            raise FleetError("nobody is there any more to say yes to the plan")
        time.sleep(0.05)


def compare(saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises FleetError, saying what moved, unless both plans do the same to the same hosts."""
    moved = []
    if saved["inventory_sha256"] != now["inventory_sha256"]:
        moved.append("the inventory was edited")
    for ip in sorted({*saved["hosts"], *now["hosts"]}):
        before, after = saved["hosts"].get(ip), now["hosts"].get(ip)
        if before is None:
            moved.append(f"{ip} was not part of the plan")
        elif after is None:
            moved.append(f"{ip} can't be reached, or is not part of this run")
        elif before["report"] != after["report"]:
            moved.append(f"{ip}: {_difference(before['report'], after['report'])}")
        elif before["manifest"] != after["manifest"]:
            moved.append(f"{ip}: what it shall be is another now (a certificate, or something another host registers)")
    if moved:
        raise FleetError(
            "the plan does not hold any more, and nothing was done: " + "; ".join(moved),
            hint="look at a new `staddle plan`",
        )


def _timeless(report: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run although nothing else does."""
    blocks = [
        {
            **{key: value for key, value in block.items() if key not in {"seconds", "log_tail"}},
            "services": [{"name": s["name"], "action": s["action"]} for s in block["services"]],
        }
        for block in report["blocks"]
    ]
    kept = ("format", "node", "check", "error", "totals", "exit_code")
    return {**{key: report[key] for key in kept}, "blocks": blocks}


def changes(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a report says would be (or was) done: (component, path or service, action)."""
    found = []
    for block in report["blocks"]:
        found += [(block["component"], r["path"], r["action"]) for r in block["resources"] if r["outcome"] != "ok"]
        found += [(block["component"], s["name"], s["action"]) for s in block["services"] if s["action"] != "none"]
    return found


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    old, new = set(changes(before)), set(changes(after))
    words = [f"also {action} {what}" for _, what, action in sorted(new - old)]
    words += [f"no longer {action} {what}" for _, what, action in sorted(old - new)]
    return ", ".join(words[:5]) if words else "the same things would change, but to something else"
