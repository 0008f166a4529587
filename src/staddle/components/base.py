"""What a component is: one service that Staddle deploys, with all that belongs to it.

A component is a module (or package) below `staddle.components` with one class, decorated with `@component`. It answers, for a
node in a fleet and a layout: which packages it needs, what it puts on the host, how it's run, checked and probed, and
what it registers with the INFRA nodes. Everything here is pure: no clock, no network, no disk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Literal

from staddle.components.registration import Listing, LogFormat, LogSource, Near, Registration, Registry, Target
from staddle.errors import CompileError
from staddle.inventory.identity import home_domain
from staddle.manifest.layout import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set as AbstractSet

    from staddle.components.material import CertificateRequest, Material
    from staddle.inventory.fleet import Fleet, Node
    from staddle.inventory.parameters import Parameters
    from staddle.manifest.layout import Layout, Program
    from staddle.manifest.resources import Command, Group, Health, Installed, Resource, Tree, User, Validator


class Phase(IntEnum):
    """When a component is converged. The order resolves the cycle between NODE and INFRA (DESIGN.md §4).

    REPO comes before all others, since packages come from there; on a node that gets them from INFRA nodes, once those serve.
    """

    REPO = 5
    NODE = 10
    INFRA = 20
    MONITOR = 30
    MODULE = 40


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution package with the programs it brings: `{"vmalert": "/usr/bin/vmalert"}`.

    `minimum` is the oldest upstream version that will do; `smoke` is what to run, with the first program, to see that it
    starts at all (nothing: there is no program to run); `web_ui` tells whether the distribution ships its web pages.
    """

    name: str
    programs: Mapping[str, str]
    minimum: str = "0"
    smoke: tuple[str, ...] = ("--version",)
    web_ui: bool = True
    optional: bool = False
    """Looked for in the machine's own sources; when they don't have it, the component has a program of its own."""
    libraries: tuple[str, ...] = ()
    """Directories of libraries that only its own programs look into."""
    relocate: Mapping[str, str] = field(default_factory=dict)
    """Absolute paths baked into its programs, and what to put in their place (of the same length) when it is unpacked
    somewhere else, as conda and Nix do."""


INFRA = "infra"
"""The group of all who share the state tree."""
VICTORIA, PROMETHEUS = "victoria", "prometheus"
"""Whom the stores, and the exporters and routers around them, run as."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a program may do on a real host: as little as it can live with. A sandbox has no use for it.

    `user` None is root, for programs that drop privileges by themselves. `writes` is where it may write, `memory` how many
    percent of the host's memory it may take. `sees_host`: it looks at other processes and at file systems;
    `touches_clock`: it asks for, or sets, the kernel's clock; `calls` are system calls that it needs beside the usual.
    """

    user: str | None
    group: str | None = INFRA
    writes: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    families: tuple[str, ...] = ("AF_INET", "AF_INET6", "AF_UNIX")
    calls: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """systemd settings that it can't live with."""
    system: Literal["strict", "full"] = "strict"
    """What is read-only: everything but `writes`, or only what the system consists of (/usr, /etc, /boot)."""
    memory: int = 20
    open_files: int = 65536
    umask: str = "0027"
    runtime: str | None = None
    stop_signal: str = "TERM"
    sees_host: bool = False
    resources: bool = False
    """Whether it may change its own limits."""
    touches_clock: bool = False
    clock: bool = True
    """False where the host may not set its clock."""
    directory: bool = False
    """Whether the service's working directory matters there, too."""


ROOT = Confinement(user=None)
PORTAL_METRICS = "/_staddle/metrics"
"""Where a portal has the metrics of its node's own programs, for the other INFRA nodes."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """How a component's program runs, before the layout turns it into a unit or a supervisor section."""

    name: str
    argv: tuple[str, ...]
    health: Health
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str | None = None
    reload_signal: str | None = None
    health_timeout: float = 20.0
    stop_timeout: float = 10.0
    stdout_log: str | None = None
    """Name of a log of its own for what it writes to standard output; both streams share `<name>.log` otherwise."""
    unit: str | None = None
    """Its name on a real host, where users know it by another one."""
    packaged_unit: bool = False
    """The distribution's package brings that unit: it gets a drop-in."""
    displaces: tuple[str, ...] = ()
    """Units of the distribution that run the same program their way: kept from running."""
    confinement: Confinement = ROOT


@dataclass(frozen=True, slots=True)
class Draft:
    """What `build` gives: a Block without its service definition, which the layout adds."""

    resources: tuple[Resource, ...] = ()
    validators: tuple[Validator, ...] = ()
    service: ServiceSpec | None = None
    accounts: tuple[Group | User, ...] = ()
    commands: tuple[Command, ...] = ()
    trees: tuple[Tree, ...] = ()
    packages: tuple[Installed, ...] | None = None
    """What has to be installed, where that isn't simply what `packages_on` says."""


@dataclass(frozen=True, slots=True)
class Context:
    """All a component may look at: the node it is built for, the fleet around it, and the host's layout.

    `registry` is what all nodes registered; it is empty while registrations are being collected. `left_out` are the
    components that are switched on and can't run where they should, for want of a program: (node ip, component).
    """

    fleet: Fleet
    node: Node
    layout: Layout
    material: Material | None = None
    registry: Registry = field(default_factory=Registry)
    left_out: frozenset[tuple[str, str]] = frozenset()

    @property
    def params(self) -> Parameters:
        return self.node.params

    @property
    def address(self) -> str:
        """Where peers reach this node."""
        return self.layout.address(self.node)

    @property
    def host(self) -> str:
        """The same as it's written in a URL or before a port."""
        return self.layout.host(self.node)

    @property
    def bind(self) -> str:
        """The host part of a listen address: loopback in a sandbox, every address on a real host."""
        return self.layout.address(self.node) if self.layout.is_sandbox else ""

    @property
    def closed(self) -> bool:
        """Whether programs behind the portal listen on the loopback address only, and machines come in by the portal, too."""
        return self.params.infra_expose == "portal"

    @property
    def guarded(self) -> bool:
        """Whether what a node offers to others demands a certificate. In a sandbox nothing is offered to others."""
        return self.closed and not self.layout.is_sandbox

    def owner(self, name: str) -> str | None:
        """The owner (or group) of something on a real host; in a sandbox all is the user's own."""
        return None if self.layout.is_sandbox else name

    def at(self, path: str) -> str:
        return self.layout.at(path)

    def infra(self, path: str) -> str:
        """A path below the state tree of an INFRA node: `infra("rules")` is `/infra/rules`."""
        return self.layout.at(f"{self.params.infra_data}/{path}")

    def port(self, number: int) -> int:
        return self.layout.port(number)

    def listen(self, port: int) -> str:
        """A listen address as Go programs take it: `127.0.0.1:8428`, `:8428`."""
        return f"{self.bind}:{self.port(port)}"

    def listen_behind(self, port: int) -> str:
        """The same for programs that users reach through the portal."""
        return f"{LOOPBACK if self.closed else self.bind}:{self.port(port)}"

    def local(self, port: int) -> str:
        """The URL of a service on this node, as its neighbours there use it."""
        return f"http://{LOOPBACK}:{self.port(port)}"

    @property
    def portal_url(self) -> str:
        """The portal as users see it, without a trailing slash."""
        params = self.params
        if params.portal_url:
            return params.portal_url.rstrip("/")
        plain = params.nginx_sslmode == "disable"
        port = self.port(params.nginx_port if plain else params.nginx_ssl_port)
        host = "localhost" if self.layout.is_sandbox else home_domain(params)
        scheme, usual = ("http", 80) if plain else ("https", 443)
        return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"

    def portal_of(self, node: Node) -> str:
        """Where machines reach the portal of an INFRA node: host and port."""
        return f"{self.layout.host(node)}:{self.port(node.params.nginx_ssl_port)}"

    @property
    def made(self) -> Material:
        """What compile needs beside the inventory. Raises CompileError while registrations are being collected."""
        if self.material is None:
            raise CompileError("compiling needs certificates")
        return self.material

    def program(self, *names: str) -> Program:
        """The first of these programs that the host has. Raises KeyError: provisioning sees to it that there is one."""
        for name in names:
            if name in self.layout.programs:
                return self.layout.programs[name]
        raise KeyError(names)

    def instance(self, component: str) -> str:
        """`vmetrics` → `vmetrics-1` on the INFRA node with `infra_seq` 1."""
        return f"{component}-{self.node.infra_seq}"


class Component(ABC):
    """Base of all components. Stateless: one object serves every node."""

    name: ClassVar[str]
    title: ClassVar[str]
    phase: ClassVar[Phase]
    packages: ClassVar[tuple[Package, ...]] = ()
    programs: ClassVar[tuple[str, ...]] = ()
    """What its service may run: the first of these that the host has."""
    system_only: ClassVar[bool] = False
    """Concerns the host as a whole, which is not a sandbox's business."""
    after: ClassVar[tuple[str, ...]] = ()
    """Components of the same phase that must have been converged before."""
    dispensable: ClassVar[bool] = False
    """Left out where its program can't be had; otherwise that's an error, unless all its packages are optional."""
    log_format: ClassVar[LogFormat] = "plain"
    """What its service's output looks like."""
    uses_certificates: ClassVar[bool] = False
    """Whether it has to hear of new certificates that other components bring."""

    @abstractmethod
    def enabled(self, node: Node) -> bool:
        """Whether this component belongs on the node."""

    def on(self, node: Node) -> Sequence[Component]:
        """What of it runs on the node: itself, where it belongs, or one for each of several things that it is there for."""
        return [self] if self.enabled(node) else []

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        """The packages it needs there."""
        del node
        return self.packages

    def program_on(self, ctx: Context) -> Program:
        """The program that its service runs there."""
        return ctx.program(*self.programs)

    def engines_on(self, node: Node, available: AbstractSet[str]) -> tuple[str, ...]:
        """Staddle's own programs that it runs there, if these packages are to be had."""
        del node, available
        return ()

    @abstractmethod
    def build(self, ctx: Context) -> Draft:
        """What it puts on the host."""

    def register(self, ctx: Context) -> Registration:
        """What it adds to every INFRA node."""
        del ctx
        return Registration()

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        """What the node's log agent is to send: its service's output, where that is a file and not in the journal."""
        if not (ctx.layout.is_sandbox and ctx.node.is_infra and self.ports(ctx)):
            return ()
        labels = {"job": "infra", "cls": self.name, "ins": ctx.instance(self.name), "ip": ctx.node.ip, "app": self.name}
        return (LogSource(self.name, self.log_format, labels, (ctx.layout.log(self.name),)),)

    def certificates(self, ctx: Context) -> tuple[CertificateRequest, ...]:
        """The certificates it needs on the node."""
        del ctx
        return ()

    def secrets(self, ctx: Context) -> tuple[str, ...]:
        """Names of secrets that it needs and that the inventory doesn't set: made once, the same on every node."""
        del ctx
        return ()

    def ports(self, ctx: Context) -> Mapping[str, int]:
        """The ports it listens on, by the parameter that sets them; the first is the one to name to people."""
        del ctx
        return {}

    def listing_url(self) -> str | None:
        """Its path behind the portal, if it has one."""
        return None


class InfraComponent(Component):
    """A component of INFRA nodes with metrics of its own: scraped as job `infra`, listed on the home page."""

    phase = Phase.INFRA
    port_parameter: ClassVar[str]
    """The parameter that sets the port it listens on, where its metrics are, too."""
    metrics_path: ClassVar[str] = "/metrics"
    path: ClassVar[str | None] = None
    """Its path behind the portal, if it has one."""

    def port(self, ctx: Context) -> int:
        """The port it listens on."""
        number: int = getattr(ctx.params, self.port_parameter)
        return ctx.port(number)

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {self.port_parameter: self.port(ctx)}

    def listing_url(self) -> str | None:
        return self.path

    def labels(self, ctx: Context) -> dict[str, str]:
        return {"cls": self.name, "ins": ctx.instance(self.name), "ip": ctx.node.ip}

    def target(self, ctx: Context) -> Target:
        """Its scrape target."""
        labels, file = self.labels(ctx), ctx.instance("infra")
        if not ctx.closed:
            return Target("infra", file, f"{ctx.host}:{self.port(ctx)}", labels, self.metrics_path)
        near = Near(self.port(ctx), self.metrics_path)
        return Target("infra", file, ctx.portal_of(ctx.node), labels, f"{PORTAL_METRICS}/{self.name}", "https", near)

    def listing(self, ctx: Context, *, health_query: str | None = None) -> Listing:
        """Its row on the home page. `health_query` defaults to the liveness of its target; empty if nothing watches it."""
        instance = ctx.instance(self.name)
        program = self.program_on(ctx)
        return Listing(
            component=self.name,
            instance=instance,
            node_ip=ctx.node.ip,
            title=self.title,
            version=program.version,
            provider=program.provider,
            port=self.port(ctx),
            health_query=f'up{{job="infra",ins="{instance}"}}' if health_query is None else health_query,
            url=self.listing_url(),
        )
