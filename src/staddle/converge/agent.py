"""The program: makes this host equal its manifest.

    python3 converge.pyz --manifest FILE|- [--check] [--only a,b] [--json]
    python3 converge.pyz --facts [--packages a,b] [--refresh]

The report goes to stdout (as JSON with --json), progress to stderr, one JSON object a line. Exit status: 0 nothing to
change, 2 changed (or, with --check, would change), 1 failed. In process: `converge(manifest)`. With --facts it changes
nothing and prints what kind of host this is (`host.py`), as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Collection
from typing import Any

from . import incoming, recovery, stage
from .context import Context
from .facts import ABSENT, Obstacle, explain
from .files import Step, remove
from .foundations import Foundations
from .host import host_facts
from .ledger import Entry, Ledger, StateError, Store
from .model import Block, Manifest, parse
from .operate import Operator, probe
from .plan import Facts
from .reader import ManifestError
from .report import CHANGED, FAILED, OK, ROLLED_BACK, Event, Report, ResourceResult
from .services import ManagerError, ServiceState, connect
from .transaction import Transaction

Progress = Callable[[Event], None]


def converge(
    manifest: dict[str, Any],
    *,
    check: bool = False,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Makes this host equal `manifest` (in plain form). With `check`, nothing is written and the report says what
    would be done.

    `only` limits it to these components, and what other components no longer have is not removed then. Never raises
    for anything the manifest or the host does: see `Report.error` and the outcome of each block.
    """
    began = time.monotonic()
    report = Report(check=check)
    try:
        wanted = parse(manifest)
        report.node = wanted.node
        store = Store(wanted.state, readonly=check)
        with store.locked():
            _Run(wanted, store, report, only, progress or (lambda _event: None)).run()
    except (ManifestError, StateError) as error:
        report.error = str(error)
    except OSError as error:
        report.error = f"converge can't work here: {explain(error)}"
    report.seconds = round(time.monotonic() - began, 3)
    if progress:
        outcome = FAILED if report.failed else CHANGED if report.changed else OK
        progress(Event("end", text=report.error or "", outcome=outcome, seconds=report.seconds))
    return report


class _Run:
    """One run over all blocks: facts first, then block after block, then what is left over."""

    def __init__(
        self, manifest: Manifest, store: Store, report: Report, only: Collection[str] | None, progress: Progress
    ) -> None:
        self._manifest = manifest
        self._store = store
        self._report = report
        self._progress = progress
        self._ledger: Ledger = store.load()
        self._interrupted = recovery.absorb(store, self._ledger)
        self._swept: list[tuple[str, Step]] = []
        self._wanted_paths = {resource.path for block in manifest.blocks for resource in block.resources}
        self._wanted_services = {block.service.name for block in manifest.blocks if block.service}
        named = [block.component for block in manifest.blocks]
        owners = {entry.component for entry in self._ledger.paths.values()} | set(self._ledger.components)
        owners |= {name for entry in self._ledger.trees.values() for name in entry["components"]}
        self._orphans = sorted(owners - set(named))
        self._selected = set(named) | owners if only is None else set(only)
        unknown = sorted(self._selected - set(named) - owners)
        if unknown:
            raise ManifestError(f"no such component: {', '.join(unknown)}; there are {', '.join(named)}")

    def run(self) -> None:
        os.environ.update(self._manifest.environment)
        check = self._report.check
        if not check:
            stage.clean(self._store.path)
            incoming.clean(self._store.path)
            self._ledger.node = self._manifest.node
        orphans = [name for name in self._orphans if name in self._selected]
        blocks = [block for block in self._manifest.blocks if block.component in self._selected]
        total = len(orphans) + len(blocks)
        self._progress(Event("begin", total=total))
        foundations = Foundations(blocks, self._ledger, self._selected, self._store, self._manifest.offers)
        if any(block.packages or block.accounts or block.trees for block in blocks):
            self._progress(Event("step", text="packages, programs and accounts"))
        absent = [path for path in self._wanted_paths if not os.path.lexists(path)]
        if foundations.ensure(check=check):
            self._store.save(self._ledger, self._manifest.digest, [])
        self._report.wants = foundations.wants
        context = self._context(foundations)
        context.brought = {path for path in absent if os.path.lexists(path)}
        # What goes makes room (ports, names) for what comes.
        for index, name in enumerate(orphans, 1):
            gone = Block(name, "", (), (), None, {})
            self._one(Transaction(context, gone, self._pruned(name), self._stale(name), removed=True), index, total)
        for index, block in enumerate(blocks, len(orphans) + 1):
            pruned, stale = self._pruned(block.component), self._stale(block.component, block)
            stale += [name for name in block.displaces if context.operator.states[name].running]
            self._one(Transaction(context, block, pruned, stale), index, total)
        self._sweep(context)
        self._look_back(context)
        foundations.prune(self._report.blocks, check=check)
        if not check:
            self._close(context)

    def _context(self, foundations: Foundations) -> Context:
        """All facts, in few calls: every path, the states of all services, the health of those that run."""
        facts = Facts(self._wanted_paths | set(self._ledger.paths))
        facts.coming = foundations.accounts if self._report.check else set()
        manager = connect(self._manifest.manager)
        services = [b.service for b in self._manifest.blocks if b.service and b.component in self._selected]
        displaced = {name for block in self._manifest.blocks for name in block.displaces}
        names = sorted(self._wanted_services | set(self._ledger.services) | displaced)
        states: dict[str, ServiceState] = {}
        error = None
        try:
            states = manager.states(names) if names else {}
        except ManagerError as problem:
            error = str(problem)
        operator = Operator(manager, self._manifest.log_dir, states)
        running = [service for service in services if service.name in states and states[service.name].running]
        return Context(
            self._manifest,
            self._store,
            self._ledger,
            facts,
            operator,
            self._report.check,
            lambda component, text: self._progress(Event("step", component, text)),
            manager_error=error,
            probes=probe(running),
            interrupted=self._interrupted,
            lacking=foundations.lacking,
            coming=foundations.coming,
            foundations=foundations.results(),
        )

    def _pruned(self, component: str) -> list[str]:
        """Files and links that the ledger has for the component and the manifest has not."""
        return [
            path
            for path, entry in self._ledger.paths.items()
            if entry.component == component and path not in self._wanted_paths and not self._is_swept(path)
        ]

    def _is_swept(self, path: str) -> bool:
        """Directories go last, when everybody is out; and so do links that lead to such directories."""
        kind = self._ledger.paths[path].kind
        return kind == "directory" or (
            kind == "symlink"
            and any(entry.kind == "directory" and o.startswith(f"{path}/") for o, entry in self._ledger.paths.items())
        )

    def _stale(self, component: str, block: Block | None = None) -> list[str]:
        own = block.service.name if block and block.service else None
        return [
            name
            for name, entry in self._ledger.services.items()
            if entry.component == component and name != own and name not in self._wanted_services
        ]

    def _one(self, transaction: Transaction, index: int, total: int) -> None:
        result = transaction.run()
        self._report.blocks.append(result)
        text = result.message or ""
        self._progress(Event("block", result.component, text, index, total, result.outcome, result.seconds))

    def _sweep(self, context: Context) -> None:
        """Directories that we made and no manifest names any more, if nothing is left in them. Deepest first."""
        results = {block.component: block for block in self._report.blocks}
        unwanted = [
            (path, entry)
            for path, entry in self._ledger.paths.items()
            if path not in self._wanted_paths and entry.component in self._selected and self._is_swept(path)
        ]
        for path, entry in sorted(unwanted, key=lambda item: item[0], reverse=True):
            block = results[entry.component]
            if block.outcome in (FAILED, ROLLED_BACK):
                continue
            result = ResourceResult(entry.kind, path, OK, "forget")
            try:
                forget = self._sweep_one(context, path, entry, result)
            except (Obstacle, OSError) as error:
                block.outcome, block.message = FAILED, str(error)
                result.outcome, result.action, result.note, forget = FAILED, "remove", str(error), False
            if forget:
                del self._ledger.paths[path]
            if forget or result.outcome == FAILED:
                block.resources.append(result)
            if result.outcome == CHANGED:
                block.outcome = CHANGED

    def _sweep_one(self, context: Context, path: str, entry: Entry, result: ResourceResult) -> bool:
        """True if the ledger has no more to say about the path."""
        before = context.facts.get(path)
        if before.kind != entry.kind or not entry.created:
            return True
        beneath = any(other.startswith(f"{path}/") for other in self._ledger.paths)
        if entry.kind == "directory":
            left = [name for name in os.listdir(path) if not context.facts.is_gone(os.path.join(path, name))]
            if left:
                result.note = f"left where it is: it still contains {', '.join(sorted(left)[:3])}"
                return not beneath
        elif beneath:
            return False
        result.outcome, result.action = CHANGED, "remove"
        if not context.check:
            remove(path)
            self._swept.append((entry.component, Step(path, before, ABSENT)))
        context.facts.put(path, ABSENT)
        return True

    def _look_back(self, context: Context) -> None:
        """A service may have answered once and died since."""
        dead = context.operator.still_running()
        for block in self._report.blocks:
            for service in block.services:
                trouble = dead.get(service.name)
                if trouble and block.outcome in (OK, CHANGED):
                    block.outcome, block.message, block.log_tail = FAILED, trouble.reason, trouble.log_tail
                    service.healthy = False
                    if service.name in self._ledger.services:
                        self._ledger.services[service.name].restart = None
            if block.service and block.service.healthy is None and block.outcome == OK:
                block.service.healthy = context.probes.get(block.service.name, "unknown") is None

    def _close(self, context: Context) -> None:
        """The ledger's last words: swept directories, the order of the manifest, and nothing that is not needed."""
        try:
            context.operator.manager.settle()
            order = {block.component: i for i, block in enumerate(self._manifest.blocks)}
            components = sorted(self._ledger.components.items(), key=lambda item: order.get(item[0], len(order)))
            self._ledger.components = dict(components)
            self._store.save_if_changed(self._ledger, self._manifest.digest, self._swept)
            if self._store.generation is not None:
                self._store.collect(self._ledger)
        except ManagerError as error:
            self._report.error = str(error)
        self._report.generation = self._store.generation


def main(argv: list[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="converge", description="Make this host equal its manifest.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--manifest", metavar="FILE|-", help="the manifest (JSON); - is stdin")
    what.add_argument("--facts", action="store_true", help="print what kind of host this is (JSON), and change nothing")
    parser.add_argument("--packages", metavar="A,B", default="", help="with --facts: packages to look up")
    parser.add_argument("--refresh", action="store_true", help="with --facts: update apt's lists if one is unknown")
    parser.add_argument("--check", action="store_true", help="write nothing; say what would be done")
    parser.add_argument("--only", metavar="A,B", help="only these components; nothing of others is removed")
    parser.add_argument("--json", action="store_true", help="the report as JSON (otherwise: one line per change)")
    arguments = parser.parse_args(argv)
    if arguments.facts:
        packages = [name for name in arguments.packages.split(",") if name]
        print(json.dumps(host_facts(packages, refresh=arguments.refresh), indent=1, sort_keys=True))
        return 0
    only = [name for name in arguments.only.split(",") if name] if arguments.only is not None else None
    manifest: Any = None
    try:
        if arguments.manifest == "-":
            manifest = json.load(sys.stdin.buffer)
        else:
            with open(arguments.manifest, "rb") as file:
                manifest = json.load(file)
    except OSError as error:
        report = Report(check=arguments.check, error=f"the manifest can't be read: {explain(error)}")
    except ValueError as error:
        report = Report(check=arguments.check, error=f"the manifest is not JSON: {error}")
    else:
        report = converge(manifest, check=arguments.check, only=only, progress=_print_event)
    print(report.to_json() if arguments.json else _summary(report))
    return report.exit_code


def _print_event(event: Event) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: no reason to stop half-way
        print(event.to_json(), file=sys.stderr, flush=True)


def _summary(report: Report) -> str:
    lines = [f"{component}: {action} {what}" for component, what, action in report.changes()]
    for block in report.blocks:
        if block.outcome in (FAILED, ROLLED_BACK):
            lines.append(f"{block.component}: {block.outcome}: {block.message}")
            lines += [f"    {line}" for line in (block.log_tail or "").splitlines()]
    if report.error:
        lines.append(report.error)
    counts = report.totals()
    lines.append(", ".join(f"{counts[outcome]} {outcome}" for outcome in (OK, CHANGED, FAILED, ROLLED_BACK)))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
