"""One INFRA node as child processes of this user, below one directory: no root, no systemd.

The manifest is compiled and converged by the same code as on real hosts; only the layout and the service manager differ.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.compile import compile_fleet, contexts_of, packages_on, ports_of, running_on
from staddle.converge.agent import converge
from staddle.drive.material import ensure_material
from staddle.drive.ports import conflicts
from staddle.drive.supervision import Supervision
from staddle.errors import PortInUseError, SandboxError
from staddle.inventory import Loaded, load_inventory, parse_inventory
from staddle.inventory.proxy import environment
from staddle.manifest.canonical import to_data
from staddle.manifest.layout import LOGS, STATE, Layout, Program
from staddle.manifest.resources import Manager
from staddle.programs.embedded import embedded_programs
from staddle.programs.provision import Step, provision
from staddle.programs.proxied import proxied
from staddle.programs.shelf import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from staddle.components.base import Context
    from staddle.converge.report import Event, Report
    from staddle.inventory.fleet import Fleet, Node
    from staddle.manifest.resources import Manifest

DEFAULTS: Mapping[str, object] = {"nginx_port": 8080, "nginx_ssl_port": 8443, "dns_port": 10053, "node_ntp_port": 10123}
"""Ports that need no root. They rank above the built-in defaults and below whatever the inventory says."""
INVENTORY = Path("staddle.yml")
SANDBOX = Path(".staddle")
"""Where a sandbox is, unless somebody says otherwise."""
ADMIN = "admin"
_UNFIT = re.compile(r"[^\w./+@,:=-]")


@dataclass(frozen=True, slots=True)
class Row:
    """One running component, as `up` and `status` list it. `health` is the check in the manifest's form."""

    component: str
    service: str
    title: str
    version: str
    provider: str
    url: str
    health: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `up` did. `notes` are worth knowing, `warnings` worth acting on."""

    report: Report
    rows: tuple[Row, ...]
    portal_url: str
    node: Node
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class Sandbox:
    """The sandbox below `directory`, which need not exist yet."""

    def __init__(self, directory: Path) -> None:
        self.root = Path(os.path.abspath(directory))  # noqa: PTH100 - a symlink stays what the user called it
        if unfit := _UNFIT.findall(str(self.root)):
            raise SandboxError(
                f"the sandbox directory {self.root} holds {', '.join(sorted(set(map(repr, unfit))))}, which the programs'"
                " configuration files can't express",
                hint="choose another one with --dir",
            )
        self.supervision = Supervision(self.root)

    def up(
        self,
        inventory: Path | None,
        *,
        node: str | None = None,
        port_offset: int = 0,
        check: bool = False,
        on_step: Callable[[Step], None],
        on_event: Callable[[Event], None],
    ) -> Outcome:
        """Bring the sandbox to what the inventory says; with `check` only say what would be done.

        Raises StaddleError for whatever stops it before convergence; what fails in it is in the report.
        """
        on_step(Step("reading the inventory"))
        loaded = self._load(inventory)
        fleet, own = _reduce(loaded.fleet, node)
        self._make_root()
        with proxied(environment(fleet, own)):
            programs = embedded_programs() | provision(
                packages_on(own, sandbox=True), self.root / "programs", cache_directory() / "apt", on_step
            )
        layout = self._layout(programs, port_offset)
        contexts = contexts_of(fleet, lambda _: layout)
        on_step(Step("checking ports"))
        self._refuse_taken_ports(contexts[own.ip])
        on_step(Step("checking certificates"))
        material, made = ensure_material(contexts, self.root / ADMIN, inventory)
        manifest = compile_fleet(fleet, lambda _: layout, material)[own.ip]
        if not check:
            self.supervision.start()
        report = converge(to_data(manifest), check=check, progress=on_event)
        rows = tuple(_rows(contexts[own.ip], manifest))
        if not check:
            self._remember(rows, contexts[own.ip].portal_url)
        notes = list(made)
        if others := len(loaded.fleet.nodes) - 1:
            notes.append(f"{others} other node{'s' if others > 1 else ''} of the inventory can't be part of a sandbox")
        if not layout.icmp:
            notes.append("this user may not send ICMP, so nodes are not pinged (see net.ipv4.ping_group_range)")
        warnings = tuple(str(problem) for problem in loaded.warnings)
        return Outcome(report, rows, contexts[own.ip].portal_url, own, tuple(notes), warnings)

    def applied(self) -> dict[str, Any]:
        """What the last `up` brought about: `portal_url` and `rows`. Raises SandboxError if there was none."""
        try:
            data: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SandboxError(f"there is no sandbox in {self.root}", hint="`staddle up` makes one") from None
        except (OSError, ValueError) as error:
            raise SandboxError(f"can't read {self._record}: {error}", hint="run `staddle up` again") from error
        data["rows"] = [Row(**row) for row in data["rows"]]
        return data

    @property
    def exists(self) -> bool:
        """Whether `up` ever made it."""
        return self._record.exists()

    @property
    def host_data(self) -> dict[str, Any]:
        """Where things are in it, as converge asks for a host."""
        manager = {"kind": "supervisor", "socket": str(self.supervision.socket)}
        places = {"state": str(self._record.parent), "log_dir": str(self.root / LOGS.lstrip("/"))}
        return {"node": "", "layout": "sandbox", "manager": manager, **places}

    def log_files(self, service: str) -> list[Path]:
        """The files that hold what a service writes."""
        folder = self.root / LOGS.lstrip("/")
        return [file for file in (folder / f"{service}.log", folder / f"{service}-access.log") if file.exists()]

    @property
    def _record(self) -> Path:
        return self.root / STATE.lstrip("/") / "sandbox.json"

    def _load(self, inventory: Path | None) -> Loaded:
        if inventory is not None:
            return load_inventory(inventory, defaults=DEFAULTS)
        text = (files("staddle.drive") / "laptop.yml").read_text(encoding="utf-8")
        return parse_inventory(text, "built-in", defaults=DEFAULTS)

    def _make_root(self) -> None:
        try:
            self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
            (self.root / ADMIN).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SandboxError(f"can't make the sandbox directory {self.root}: {error.strerror}") from error

    def _layout(self, programs: Mapping[str, Program], port_offset: int) -> Layout:
        return Layout(
            kind="sandbox",
            manager=Manager("supervisor", str(self.supervision.socket)),
            root=str(self.root),
            programs=programs,
            port_offset=port_offset,
            user=getpass.getuser(),
            icmp=_may_ping(),
            python=sys.executable,
        )

    def _refuse_taken_ports(self, ctx: Context) -> None:
        found = conflicts(ports_of(ctx), self.supervision.own_pids())
        if found:
            raise PortInUseError(
                "\n".join(str(conflict) for conflict in found),
                hint="end what holds them, set other ports in the inventory, or shift all of them with --port-offset",
            )

    def _remember(self, rows: tuple[Row, ...], portal_url: str) -> None:
        data = {"portal_url": portal_url, "rows": [asdict(row) for row in rows]}
        self._record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._record.with_name(".sandbox.json")
        scratch.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        scratch.replace(self._record)


def choose_inventory(given: Path | None) -> Path | None:
    """The inventory to use: the one given, else staddle.yml of the working directory, else the built-in one (None)."""
    if given is not None:
        return given
    return INVENTORY if INVENTORY.is_file() else None


def _reduce(fleet: Fleet, wanted: str | None) -> tuple[Fleet, Node]:
    """The part of the fleet that one machine can be: one INFRA node."""
    if not fleet.infra:
        raise SandboxError("the inventory has no host in group infra", hint="`staddle init` writes one that has")
    by_ip = {node.ip: node for node in fleet.infra}
    chosen = wanted or (fleet.admin_ip if fleet.admin_ip in by_ip else fleet.infra[0].ip)
    if chosen not in by_ip:
        raise SandboxError(f"{chosen} is not an INFRA node (there are: {', '.join(by_ip)})")
    return replace(fleet, nodes=(by_ip[chosen],)), by_ip[chosen]


def _rows(ctx: Context, manifest: Manifest) -> list[Row]:
    components = {component.name: component for component in running_on(ctx)}
    blocks = {block["component"]: block for block in to_data(manifest)["blocks"]}
    rows = []
    for name, component in components.items():
        service = blocks[name]["service"]
        if service is None:
            continue
        program = component.program_on(ctx)
        path = component.listing_url()
        port = next(iter(component.ports(ctx).values()))
        rows.append(
            Row(
                component=name,
                service=service["name"],
                title=component.title,
                version=program.version,
                provider=program.provider,
                url=ctx.portal_url + path if path else f"{ctx.address}:{port}",
                health=service["health"],
            )
        )
    return rows


def _may_ping() -> bool:
    """Whether this user may send ICMP echo requests: root may, others if the kernel's setting covers their group."""
    if os.geteuid() == 0:
        return True
    setting = Path("/proc/sys/net/ipv4/ping_group_range")
    if not setting.exists():
        return False
    low, high = map(int, setting.read_text(encoding="ascii").split())
    return any(low <= group <= high for group in {os.getegid(), *os.getgroups()})
