"""What the ADMIN node asks of this host over SSH: one request on stdin, one reply on stdout.

    {"op": "facts", "packages": [...]}                                  → {"facts": {...}}
    {"op": "dpkg"}                                                      → {"status": base64 of its status file, gzipped}
    {"op": "converge", "manifest": {...}, "check": bool, "only": [...]} → {"report": {...}}
    {"op": "rollback", "host": {...}, "generation": N|null, "check", "only"} → {"report", "generation", "time"}
    {"op": "remove", "host": {...}, "check", "only", "data": [...]}     → {"report": {...}, "data": [...]}
    {"op": "drift", "host": {...}}                                      → {"drift": [...]}
    {"op": "status", "host": {...}}                                     → {"services": [...]}
    {"op": "receive", "host": {...}, "name", "size", "sha256", "offset"} and bytes → {"have": N}
    {"op": "doctor", "host": {...}}                                     → what `checkup.look` found

`host` is where things are here: `state`, `log_dir`, `manager` and `layout`, as in a manifest. Any reply may be
{"error": text} instead. Nothing is left behind: this program lives in memory only, and so does the request.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any

from . import checkup, health, wipe
from .agent import converge
from .drift import Drift, drift
from .host import host_facts
from .incoming import receive
from .ledger import Ledger, StateError, Store
from .model import FORMAT, Manager, parse_block
from .reader import ManifestError
from .services import ManagerError, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .report import Event

MARK = "staddle-reply:"
"""What the reply's line begins with: login banners and profile scripts write to stdout, too."""
EVENT = "staddle-event:"
"""What a line of progress on stderr begins with, if the request asks for `progress`."""
BUSY = "another converge run is under way"
WAIT = 120.0
"""Seconds to wait for a run that is under way, such as one whose ADMIN node has lost its connection."""
_CHECK_TIMEOUT = 5.0
_DPKG_STATUS = "/var/lib/dpkg/status"


def serve(request: bytes, rest: IO[bytes] | None = None) -> int:
    """Answers one request. `rest` is what follows it. Returns the exit status: 0 if there is an answer, whatever it says."""
    noise = io.StringIO()
    try:
        with contextlib.redirect_stdout(noise):
            reply = answer(json.loads(request), rest)
    except (StateError, ManifestError, ManagerError, KeyError, TypeError, ValueError, OSError) as error:
        reply = {"error": str(error) if isinstance(error, (StateError, ManifestError, ManagerError)) else repr(error)}
    with contextlib.suppress(OSError):  # nobody listens any more; what was asked for is done
        sys.stdout.write(f"\n{MARK}{json.dumps(reply)}\n")
        sys.stdout.flush()
    return 0


def answer(request: dict[str, Any], rest: IO[bytes] | None = None) -> dict[str, Any]:
    """The reply to a request. Raises StateError, ManifestError, ManagerError."""
    if request["op"] == "receive":
        return receive(request, rest or io.BytesIO())
    operation = _OPERATIONS.get(request["op"])
    if operation is None:
        raise ManifestError(f"this host was asked for {request['op']!r}, which is not known here")
    return operation(request)


def _facts(request: dict[str, Any]) -> dict[str, Any]:
    if os.geteuid() != 0 and not request.get("unprivileged"):
        return {"error": f"this needs root, and runs as user {os.geteuid()}: set ansible_become, or ansible_user: root"}
    return {"facts": host_facts(request["packages"], refresh=bool(request.get("refresh")))}


def _dpkg(request: dict[str, Any]) -> dict[str, Any]:
    """What is installed, as dpkg keeps it: with it another machine's apt can say what would have to be added."""
    del request
    try:
        with open(_DPKG_STATUS, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        content = b""
    return {"status": base64.b64encode(gzip.compress(content, 6)).decode()}


def _converge(request: dict[str, Any]) -> dict[str, Any]:
    return {"report": _run(request["manifest"], request)}


def _run(manifest: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Waits for a run that is under way; then it's our turn."""
    deadline = time.monotonic() + float(request.get("wait", WAIT))
    while True:
        progress = _tell if request.get("progress") else None
        report = converge(manifest, check=bool(request.get("check")), only=request.get("only"), progress=progress)
        if not (report.error and BUSY in report.error) or time.monotonic() > deadline:
            return report.to_data()
        time.sleep(0.5)


def _tell(event: Event) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: no reason to stop half-way
        print(f"{EVENT}{event.to_json()}", file=sys.stderr, flush=True)


def _rollback(request: dict[str, Any]) -> dict[str, Any]:
    host = request["host"]
    store = Store(host["state"], readonly=True)
    with _shared(store, request):
        ledger = store.load()
        number = request.get("generation") or _previous(store, ledger)
        generation = store.read_generation(number)
        manifest = _empty(host, generation["node"])
        manifest["blocks"] = list(generation["components"].values())
        manifest["blobs"] = _contents(manifest["blocks"], store)
    known = {*generation["components"], *_owners(ledger)}
    only = None if request.get("only") is None else sorted(known & set(request["only"]))
    report = _run(manifest, {**request, "only": only})
    return {"report": report, "generation": number, "time": generation["time"]}


def _previous(store: Store, ledger: Ledger) -> int:
    """The newest generation that another manifest made than the one that is in force.

    One apply makes several generations, one for each phase that changes anything.
    """
    numbers = [number for number in store.generations() if number <= ledger.generation]
    if numbers:
        current = store.read_generation(numbers[-1])["manifest"]
        for number in reversed(numbers):
            if store.read_generation(number)["manifest"] != current:
                return number
    raise StateError("there is nothing to go back to: everything that is kept was made from the same manifest")


def _contents(blocks: list[dict[str, Any]], store: Store) -> dict[str, str]:
    digests = {item["sha256"] for block in blocks for item in block["resources"] if item.get("sha256")}
    try:
        return {digest: base64.b64encode(store.content(digest)).decode() for digest in sorted(digests)}
    except OSError as error:
        raise StateError(f"a content of that generation is not kept any more: {error}") from error


def _remove(request: dict[str, Any]) -> dict[str, Any]:
    host, check = request["host"], bool(request.get("check"))
    store = Store(host["state"], readonly=True)
    with _shared(store, request):
        ledger = store.load()
    owners = _owners(ledger)
    only = owners if request.get("only") is None else owners & set(request["only"])
    phases = request.get("phases")
    if phases is not None:
        only = {name for name in only if ledger.components.get(name, {}).get("phase") in phases}
    report = _run(_empty(host, ledger.node or host.get("node", "?")), {**request, "only": sorted(only)})
    data: list[str] = []
    if request.get("data") and not report["error"]:
        done = {block["component"] for block in report["blocks"] if block["outcome"] in ("ok", "changed")}
        data = wipe.wipe(ledger, done, request["data"], check=check)
        if not check and only == owners == done:
            data += wipe.forget(host["state"])
    return {"report": report, "data": data}


def _drift(request: dict[str, Any]) -> dict[str, Any]:
    host = request["host"]
    _, running = _services(host)
    found = [vars(item) for item in drift(host["state"])]
    for service in running:
        name, component = service["service"], service["component"]
        if not service["running"]:
            found.append(vars(Drift("service", name, component, "stopped", service["reason"] or "")))
        if service["boot"]:
            found.append(vars(Drift("service", name, component, service["boot"], "it would not be started at boot")))
    return {"drift": found}


def _status(request: dict[str, Any]) -> dict[str, Any]:
    ledger, services = _services(request["host"])
    blocks = {name: parse_block(data) for name, data in ledger.components.items()}

    def look(item: dict[str, Any]) -> dict[str, Any]:
        service = blocks[item["component"]].service
        if service and item["running"]:
            item["reason"] = health.check(service.health, _CHECK_TIMEOUT)
        return {**item, "healthy": item["running"] and item["reason"] is None}

    with ThreadPoolExecutor(max_workers=16) as pool:
        found = list(pool.map(look, services))
    return {"services": found, "generation": ledger.generation, "components": sorted(ledger.components)}


def _doctor(request: dict[str, Any]) -> dict[str, Any]:
    host = request["host"]
    manager = Manager(host["manager"]["kind"], host["manager"].get("socket"))
    return checkup.look(host, manager, _status(request)["services"])


def _services(host: dict[str, Any]) -> tuple[Ledger, list[dict[str, Any]]]:
    """The ledger, and every service in it with what its manager says of it."""
    ledger = Store(host["state"], readonly=True).load()
    names = sorted(ledger.services)
    manager = connect(Manager(host["manager"]["kind"], host["manager"].get("socket")))
    states = manager.states(names) if names else {}
    rows = []
    for name in names:
        state = states[name]
        reason = None if state.running else state.detail or "it is not running"
        rows.append({
            "component": ledger.services[name].component, "service": name, "running": state.running, "pid": state.pid,
            "reason": reason, "boot": state.boot,
        })  # fmt: skip
    return ledger, rows


def _owners(ledger: Ledger) -> set[str]:
    return {entry.component for entry in ledger.paths.values()} | set(ledger.components)


def _empty(host: dict[str, Any], node: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "node": node,
        "layout": host["layout"],
        "state": host["state"],
        "log_dir": host["log_dir"],
        "manager": host["manager"],
        "blocks": [],
        "blobs": {},
    }


@contextlib.contextmanager
def _shared(store: Store, request: dict[str, Any]) -> Iterator[None]:
    """The state directory, to be read while nobody changes it; waits for a run that is under way."""
    deadline = time.monotonic() + float(request.get("wait", WAIT))
    while True:
        lock = store.locked()
        try:
            lock.__enter__()
        except StateError as error:
            if BUSY not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            continue
        try:
            yield
        finally:
            lock.__exit__(None, None, None)
        return


_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "facts": _facts,
    "dpkg": _dpkg,
    "converge": _converge,
    "rollback": _rollback,
    "remove": _remove,
    "drift": _drift,
    "status": _status,
    "doctor": _doctor,
}
