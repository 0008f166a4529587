"""Running our playbooks over real hosts, and taking what became of it.

`ansible-playbook` is a process of its own (`playbook.py`); it reports over its standard output (the collection's callback
`events`), and through the files of the run's directory.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.converge.report import Report
from staddle.drive import plans
from staddle.drive.compilation import PHASES, loaded
from staddle.drive.login import Login
from staddle.drive.playbook import playing
from staddle.drive.rundir import RunDirectory, admin_directory
from staddle.errors import DeclinedError, FleetError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from staddle.inventory.fleet import Fleet

COLLECTIONS = Path(__file__).parents[1] / "ansible"
FORKS = 50
EVENTS = "staddle.infra.events"
"""The callback that prints what happens for us to read."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step on one host has ended, or (without a host) begins. `step` is the playbook's word, e.g. `apply`.

    With `event` "converge", a step is under way there, and `data` is a `converge.report.Event`.
    """

    event: str
    host: str
    step: str
    phase: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class HostResult:
    """What became of one host. `error` says why it could not be worked on; `reports` are by phase (`plan` for a check)."""

    ip: str
    name: str
    error: str | None = None
    unreachable: bool = False
    reports: dict[str, Report] = field(default_factory=dict)
    answer: Any = None
    """What the host answered when it was asked for something else than convergence."""

    @property
    def failed(self) -> bool:
        return self.error is not None or any(report.failed for report in self.reports.values())

    @property
    def changed(self) -> bool:
        return any(report.changed for report in self.reports.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: host by host, in the inventory's order. `plan` is what it found to be done."""

    hosts: tuple[HostResult, ...]
    plan: dict[str, Any]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def failed(self) -> bool:
        return any(host.failed for host in self.hosts)

    @property
    def changed(self) -> bool:
        return any(host.changed for host in self.hosts)


@dataclass(frozen=True, slots=True)
class Request:
    """What to run, on which hosts: `limit` and `tags` as Ansible has them. `variables` go to the playbook.

    `files` go to its steps, by what they are and the host they are for: unlike variables nobody else sees them.
    """

    inventory: Path
    playbook: str
    limit: str | None = None
    tags: str | None = None
    check: bool = False
    forks: int = FORKS
    variables: Mapping[str, Any] = field(default_factory=dict)
    login: Login = field(default_factory=Login)
    files: Mapping[tuple[str, str], Any] = field(default_factory=dict)


def environment(forks: int = FORKS) -> dict[str, str]:
    """What `ansible-playbook` needs to know of us, on top of whatever the user has set."""
    paths = [str(COLLECTIONS), *filter(None, [os.environ.get("ANSIBLE_COLLECTIONS_PATH")])]
    return {
        "ANSIBLE_COLLECTIONS_PATH": ":".join(paths),
        "ANSIBLE_INVENTORY_ENABLED": "staddle.infra.fleet",
        # Otherwise an inventory with a mistake in it is an empty one, and doing nothing with it a success.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_FORKS": str(forks),
    }


def run(
    request: Request, on_progress: Callable[[Progress], None], confirm: Callable[[Outcome], bool] | None = None
) -> Outcome:
    """Run a playbook. Raises StaddleError if it could not begin; what fails on a host is in the outcome.

    `confirm` is shown what would be done before anything is, if there is anything; without its yes, nothing is:
    DeclinedError.
    """
    if find_spec("ansible") is None:
        raise FleetError(
            "Ansible is not installed here", hint="install Staddle with its extra: pip install 'staddle[fleet]'"
        )
    fleet = loaded(request.inventory).fleet
    with _run_directory(request.inventory) as directory:
        for (what, host), data in request.files.items():
            directory.put(what, host, data)
        events: list[Progress] = []
        with contextlib.closing(_play(request, directory, ask=confirm is not None)) as played:
            for event in played:
                events.append(event)
                on_progress(event)
                if confirm and (event.event, event.step) == ("task", "gate"):
                    planned = _outcome(events, directory, request.inventory, fleet)
                    if planned.changed and not confirm(planned):
                        raise DeclinedError("nothing was done")
                    plans.agree(directory)
        if fatal := [event for event in events if event.data.get("fatal")]:
            raise FleetError(_message(fatal[0]))
        return _outcome(events, directory, request.inventory, fleet)


def _outcome(events: list[Progress], directory: RunDirectory, inventory: Path, fleet: Fleet) -> Outcome:
    hosts = {node.ip: HostResult(node.ip, node.name) for node in fleet.nodes}
    touched = _take_events(events, hosts)
    for ip in touched:
        _take_files(hosts[ip], directory)
        if not (hosts[ip].error or hosts[ip].reports or hosts[ip].answer is not None):
            hosts[ip].error = "the run ended before it came to this host"
    compiled = directory.get("compiled", "fleet") or {"notes": [], "warnings": {}}
    return Outcome(
        hosts=tuple(host for ip, host in hosts.items() if ip in touched),
        plan=plans.of_run(directory, inventory),
        notes=tuple(compiled["notes"]),
        warnings=(
            *(str(problem) for problem in loaded(inventory).warnings),
            *(f"{ip}: {reason}" for ip, reasons in compiled["warnings"].items() for reason in reasons),
        ),
    )


@contextlib.contextmanager
def _run_directory(inventory: Path) -> Iterator[RunDirectory]:
    directory = RunDirectory.create(admin_directory(inventory), os.getpid())
    try:
        yield directory
    finally:
        directory.remove()


def _play(request: Request, directory: RunDirectory, *, ask: bool) -> Generator[Progress]:
    """Events as they come. Raises FleetError if there were none. Left early, it ends the run."""
    variables = {"staddle_run": str(directory.path), "staddle_keep": "yes", **request.variables}
    variables |= {"staddle_ask": True} if ask else {}
    argv = [f"staddle.infra.{request.playbook}", "-i", str(request.inventory), "-e", json.dumps(variables)]
    argv += ["--check"] if request.check else []
    argv += ["--limit", request.limit] if request.limit else []
    argv += ["--tags", request.tags] if request.tags else []
    argv += request.login.arguments(directory)
    env = {
        **environment(request.forks),
        "ANSIBLE_STDOUT_CALLBACK": EVENTS,
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    noise: list[str] = []
    began = False
    with playing(argv, env) as lines:
        request.login.feed(directory)
        for line in lines:
            event = _parse(line)
            if event is None:
                noise.append(line)
                continue
            began = True
            yield event
    if not began:
        raise FleetError(f"Ansible did not begin: {''.join(noise).strip()[-3000:]}")


def _parse(line: str) -> Progress | None:
    try:
        data = json.loads(line)
        return Progress(data.pop("event"), data.pop("host"), data.pop("step"), data.pop("phase"), data)
    except (ValueError, KeyError, AttributeError):
        return None


def _take_events(events: list[Progress], hosts: Mapping[str, HostResult]) -> list[str]:
    """Notes why hosts could not be worked on. Returns those that took part, in the inventory's order."""
    touched = set()
    for event in events:
        if event.host not in hosts:
            continue
        touched.add(event.host)
        host = hosts[event.host]
        if event.event == "unreachable":
            host.error, host.unreachable = _message(event), True
        elif event.event == "failed" and "components" not in event.data and event.step not in {"finish", ""}:
            host.error = _message(event)
    return [ip for ip in hosts if ip in touched]


def _message(event: Progress) -> str:
    text = event.data.get("msg", "no reason was given")
    return str(text).removeprefix("Task failed: ").removeprefix("Action failed: ")


def _take_files(host: HostResult, directory: RunDirectory) -> None:
    for phase in ("plan", *PHASES):
        data = directory.get(phase if phase == "plan" else f"report-{phase}", host.ip)
        if data is not None:
            host.reports[phase] = Report.from_data(data)
    if any(phase in host.reports for phase in PHASES):
        del host.reports["plan"]
    for what in ("drift", "status", "doctor", "rollback", "remove", "prepared"):
        answer = directory.get(what, host.ip)
        if answer is None:
            continue
        host.answer = answer
        if what in {"status", "doctor"}:
            # What is ill is its answer, not a failure to give one.
            host.error = host.error if host.unreachable else None
        if isinstance(answer, dict) and "report" in answer:
            host.reports = {what: Report.from_data(answer["report"])}
