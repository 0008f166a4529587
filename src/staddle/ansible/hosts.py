"""What is asked of one host, in its own worker process: the request, and what the reply means to Ansible."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.compile import packages_on
from staddle.components.node_repo import NodeRepo
from staddle.converge.report import CHANGED, FAILED, OK, ROLLED_BACK, BlockResult, Report
from staddle.drive import remote
from staddle.drive.compilation import PHASES, data_roots, host_data, loaded, scratch_root, select
from staddle.drive.doctor import clock, judge
from staddle.drive.facts import HostFacts
from staddle.drive.rundir import admin_directory
from staddle.drive.supplies import needs_status
from staddle.drive.system import wanted_packages
from staddle.programs.shelf import Parcel, Shelf, cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from staddle.drive.rundir import RunDirectory

NODE, REPO = "node", "repo"
AGAIN = "again"
"""What is noted of manifests that were compiled again in a run, and of hosts that were asked about them."""
FLEET = "fleet"
"""What stands for all hosts in the names of a run's files."""
PIECE = 16 << 20
"""How much of a file is sent at once."""
Exchange = Callable[[bytes], tuple[int, str, str]]
"""Runs the converge program on the host with this on its standard input; exit status, stdout, stderr."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to ask of one host. `tags` are what the user limited the run to; `check`: change nothing."""

    host: str
    run: RunDirectory
    inventory: Path
    exchange: Exchange
    check: bool
    tags: list[str]
    skipped: list[str]
    options: dict[str, Any] = field(default_factory=dict)

    def ask(self, request: dict[str, Any], manifest: bytes | None = None, attachment: bytes = b"") -> dict[str, Any]:
        """Raises StaddleError."""
        return remote.reply(*self.exchange(remote.payload(request, manifest, attachment)))

    @property
    def host_data(self) -> dict[str, Any]:
        return host_data(loaded(self.inventory).fleet.node(self.host))

    @property
    def named(self) -> list[str] | None:
        """The components that the user named; None means all."""
        return None if not self.tags or {"all", "tagged"} & set(self.tags) else list(self.tags)


def facts(task: Task) -> dict[str, Any]:
    """Ask what kind of host it is. apt's lists are updated only if they lack a package that is needed."""
    node = loaded(task.inventory).fleet.node(task.host)
    scratch = scratch_root(node) is not None
    request = {"op": "facts", "packages": list(wanted_packages(node)), "unprivileged": scratch}
    found = task.ask(request)["facts"]
    needed = {package.name for package in packages_on(node) if not package.optional}
    alone = node.params.node_package_source == "admin"
    if not (scratch or alone) and any(found["packages"][name]["candidate"] is None for name in needed):
        # In check mode, too: a plan made from lists that are out of date would not be what then happens.
        found = task.ask({**request, "refresh": True})["facts"]
    task.run.put("facts", task.host, found)
    if not scratch and needs_status(node, HostFacts.from_data(found), admin_directory(task.inventory)):
        task.run.put("dpkg", task.host, task.ask({"op": "dpkg"}))
    return {"changed": False, "msg": f"{found['os_id']} {found['version_id']} {found['arch']}"}


def plan(task: Task) -> dict[str, Any]:
    """Ask what would change, all phases at once, and note which of them have something to do."""
    manifest = task.run.read("manifest", task.host)
    wanted = task.options.get("phases") or PHASES
    tags = task.options.get("names") or task.tags
    phases = select(task.run.get("index", task.host), tags, task.skipped)
    phases = {phase: names for phase, names in phases.items() if phase in wanted}
    names = [name for phase in PHASES for name in phases.get(phase, [])]
    # Whoever asks for a part gets that part: what the inventory doesn't have any more stays for now.
    limited = task.named is not None or bool(task.skipped or task.options)
    request = {"op": "converge", "check": True, "only": names if limited else None}
    report = Report.from_data(task.ask(request, manifest)["report"])
    task.run.put("plan", task.host, report.to_data())
    task.run.put("wants", task.host, report.wants)
    orphans = [block.component for block in report.blocks if block.removed and block.outcome != OK]
    busy = {block.component for block in report.blocks if block.outcome != OK}
    todo = {phase: names for phase, names in phases.items() if busy & set(names)}
    if orphans:
        # What goes makes room for what comes; package sources go where those that come would be set up.
        first = next((phase for phase in PHASES if phase in todo), NODE)
        first = REPO if NodeRepo.name in orphans else first
        todo[first] = [*orphans, *todo.get(first, [])]
    task.run.put("todo", task.host, todo)
    result = _result(report) if task.check else {"changed": False, "msg": _summary(report)}
    known = {"staddle_todo": [phase for phase in PHASES if phase in todo], "staddle_infra": _is_infra(task)}
    return {**result, "ansible_facts": known}


def plan_again(task: Task) -> dict[str, Any]:
    """`plan`, if the manifests were compiled again since this host was asked last."""
    compiled, planned = task.run.get(AGAIN, FLEET), task.run.get(AGAIN, task.host)
    if compiled == planned:
        return {"changed": False, "skipped": True, "skip_reason": "nothing was compiled again"}
    task.run.put(AGAIN, task.host, compiled)
    return plan(task)


def apply(task: Task) -> dict[str, Any]:
    """Converge one phase."""
    phase = str(task.options["phase"])
    todo = (task.run.get("todo", task.host) or {}).get(phase)
    if not todo:
        return {"changed": False, "skipped": True, "skip_reason": f"nothing to do in phase {phase}"}
    # All of it before the first phase: a component of a later one may already need it in this one.
    send(task, task.run.get("wants", task.host) or ())
    task.run.put("wants", task.host, [])
    request = {"op": "converge", "check": False, "only": todo, "progress": True}
    report = Report.from_data(task.ask(request, task.run.read("manifest", task.host))["report"])
    task.run.put(f"report-{phase}", task.host, report.to_data())
    result = _result(report)
    if phase == REPO:
        if NodeRepo.name in {component for component, *_ in report.changes()} and not report.error:
            # Other packages can be had by now, and in other versions.
            facts(task)
            task.run.put(REPO, task.host, {})
        result["ansible_facts"] = {"staddle_waited": True}
    return result


def _is_infra(task: Task) -> bool:
    return loaded(task.inventory).fleet.node(task.host).is_infra


def finish(task: Task) -> dict[str, Any]:
    """Nothing is asked: fail if one of the phases did, now that all of them have had their turn."""
    reports = [task.run.get(f"report-{phase}", task.host) for phase in PHASES]
    failed = [block for data in reports if data for block in Report.from_data(data).blocks if _is_bad(block)]
    errors = [data["error"] for data in reports if data and data["error"]]
    if failed or errors:
        words = [f"{block.component}: {block.message}" for block in failed]
        return {"changed": False, "failed": True, "msg": "\n".join([*errors, *words])}
    return {"changed": False, "msg": "converged"}


def drift(task: Task) -> dict[str, Any]:
    """Ask what is no longer as it was left."""
    found = task.ask({"op": "drift", "host": task.host_data})["drift"]
    if task.named is not None:
        found = [item for item in found if item["component"] in task.named]
    task.run.put("drift", task.host, found)
    return {"changed": False, "msg": [f"{item['kind']} {item['path']}: {item['note']}" for item in found] or "no drift"}


def status(task: Task) -> dict[str, Any]:
    """Ask each service how it is, over its own protocol."""
    found = task.ask({"op": "status", "host": task.host_data})
    task.run.put("status", task.host, found)
    ill = [f"{item['service']}: {item['reason']}" for item in found["services"] if not item["healthy"]]
    return {"changed": False, "failed": bool(ill), "msg": ill or f"{len(found['services'])} services are healthy"}


def doctor(task: Task) -> dict[str, Any]:
    """Ask for all that helps to say what is wrong, and note how far the host's clock is from ours."""
    began = time.time()
    found = task.ask({"op": "doctor", "host": task.host_data})
    ended = time.time()
    findings = judge(task.host, found | {"clock": clock(began, found["time"], ended)}, dt.datetime.now(dt.UTC))
    task.run.put("doctor", task.host, [finding.to_data() for finding in findings])
    return {"changed": False, "failed": bool(findings), "msg": [str(finding) for finding in findings] or "all is well"}


def rollback(task: Task) -> dict[str, Any]:
    """Go back to an earlier generation of the ledger."""
    request = {"op": "rollback", "host": task.host_data, "only": task.named}
    request["generation"] = task.options.get("generation")
    answer = task.ask({**request, "check": True})
    if not task.check:
        send(task, answer["report"]["wants"])
        answer = task.ask({**request, "check": False, "progress": True})
    task.run.put("rollback", task.host, answer)
    result = _result(Report.from_data(answer["report"]))
    return {**result, "msg": f"to generation {answer['generation']} ({answer['time']}): {result['msg']}"}


def remove(task: Task) -> dict[str, Any]:
    """Remove what was installed; data only if asked for."""
    node = loaded(task.inventory).fleet.node(task.host)
    data = data_roots(node) if task.options.get("data") else []
    phases = task.options.get("phases")
    request = {"op": "remove", "host": task.host_data, "check": task.check, "only": task.named, "data": data}
    answer = task.ask({**request, "phases": phases, "progress": True})
    task.run.put("remove", task.host, answer)
    result = _result(Report.from_data(answer["report"]))
    return {**result, "changed": result["changed"] or bool(answer["data"]), "deleted": answer["data"]}


def send(task: Task, wanted: Iterable[str]) -> None:
    """Send what a host has to have first, in pieces, from where an earlier run broke off.

    What this ADMIN node does not have any more is left out; the host's own run says what it lacks. Raises StaddleError.
    """
    parcels = {name: Parcel(**data) for name, data in (task.run.get("parcels", task.host) or {}).items()}
    shelf = Shelf(cache_directory() / "trees")
    for name in wanted:
        parcel = parcels.get(name) or shelf.find(name)
        if parcel is None:
            continue
        about = {"op": "receive", "host": task.host_data, "name": name, "size": parcel.size, "sha256": parcel.sha256}
        have = task.ask(about)["have"]
        with Path(parcel.path).open("rb") as file:
            while have < parcel.size:
                file.seek(have)
                have = task.ask({**about, "offset": have}, attachment=file.read(PIECE))["have"]


OPERATIONS: dict[str, Callable[[Task], dict[str, Any]]] = {
    operation.__name__: operation
    for operation in (facts, plan, plan_again, apply, finish, drift, status, doctor, rollback, remove)
}


def _result(report: Report) -> dict[str, Any]:
    """A report in Ansible's words. Its diffs have no secrets in them: converge sees to that on the host."""
    prepared = "\n".join(
        resource.diff or f"{resource.action} {resource.kind} {resource.path}"
        for block in report.blocks
        for resource in block.resources
        if resource.outcome != OK
    )
    return {
        "changed": report.changed,
        "failed": report.failed,
        "msg": _summary(report),
        "components": {block.component: block.outcome for block in report.blocks if block.outcome != OK},
        "diff": [{"prepared": prepared + "\n"}] if prepared else [],
    }


def _summary(report: Report) -> str:
    if report.error:
        return report.error
    bad = [f"{block.component} {block.outcome}: {block.message}" for block in report.blocks if _is_bad(block)]
    counts = report.totals()
    words = ", ".join(f"{counts[o]} {o}" for o in (OK, CHANGED, FAILED, ROLLED_BACK) if counts[o])
    return "\n".join([*bad, words or "nothing to do"])


def _is_bad(block: BlockResult) -> bool:
    return block.outcome in (FAILED, ROLLED_BACK)
