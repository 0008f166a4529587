"""Fleet → one manifest per host. Pure: same fleet, layout and material, same bytes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from staddle.components.base import Context
from staddle.components.registration import Registry
from staddle.components.registry import all_components
from staddle.components.render import NOTE
from staddle.inventory.proxy import environment
from staddle.manifest import supervisor, systemd
from staddle.manifest.layout import LOGS, STATE
from staddle.manifest.resources import Block, Directory, File, Group, Installed, Manifest, Service, Symlink, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from staddle.components.base import Component, Draft, Package, ServiceSpec
    from staddle.components.material import CertificateRequest, Material
    from staddle.inventory.fleet import Fleet, Node
    from staddle.manifest.layout import Layout, Program
    from staddle.manifest.resources import Resource, Tree

_EVERYWHERE = frozenset(
    {
        *("/etc", "/etc/default", "/etc/security", "/etc/security/limits.d", "/etc/sudoers.d", "/etc/sysctl.d"),
        *("/etc/systemd", "/etc/systemd/system", "/home", "/root", "/usr", "/usr/bin", "/usr/lib", "/usr/local"),
        *("/usr/local/share", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/log"),
    }
)
"""Directories that every system has, and that need no word."""


def compile_fleet(fleet: Fleet, layout_of: Callable[[Node], Layout], material: Material) -> dict[str, Manifest]:
    """The manifest of every node, by ip."""
    contexts = contexts_of(fleet, layout_of, material)
    return {ip: compile_node(ctx) for ip, ctx in contexts.items()}


def contexts_of(
    fleet: Fleet, layout_of: Callable[[Node], Layout], material: Material | None = None
) -> dict[str, Context]:
    """A context per node, with everything that all nodes registered."""
    bare = {node.ip: Context(fleet, node, layout_of(node), material) for node in fleet.nodes}
    left_out = frozenset(
        (ip, c.name) for ip, ctx in bare.items() for c in components_on(ctx.node) if not _has_program(c, ctx)
    )
    bare = {ip: replace(ctx, left_out=left_out) for ip, ctx in bare.items()}
    own = {ip: [replace(c.register(ctx), logs=c.logs(ctx)) for c in running_on(ctx)] for ip, ctx in bare.items()}
    everything = Registry.of(registration for registrations in own.values() for registration in registrations)
    contexts = {}
    for ip, ctx in bare.items():
        # Routes lead to services on the same host; everything else concerns all INFRA nodes.
        routes = tuple(route for registration in own[ip] for route in registration.routes)
        contexts[ip] = replace(ctx, registry=replace(everything, routes=routes))
    return contexts


@lru_cache(maxsize=4096)
def components_on(node: Node) -> tuple[Component, ...]:
    """The components that belong on the node, in the order of convergence."""
    return tuple(found for component in all_components() for found in component.on(node))


def running_on(ctx: Context) -> list[Component]:
    """Those of them that the host has a program for. Only one that can be done without may be missing."""
    return [component for component in components_on(ctx.node) if _has_program(component, ctx)]


def _has_program(component: Component, ctx: Context) -> bool:
    if component.system_only and ctx.layout.is_sandbox:
        return False
    packages = component.packages_on(ctx.node)
    if not component.dispensable and (not packages or not all(package.optional for package in packages)):
        return True
    try:
        component.program_on(ctx)
    except KeyError:
        return False
    return True


def packages_on(node: Node, *, sandbox: bool = False) -> list[Package]:
    """The packages that the node's components need (as a real host, or as a sandbox), each once."""
    components = [component for component in components_on(node) if not (sandbox and component.system_only)]
    return list({package.name: package for c in components for package in c.packages_on(node)}.values())


def certificates_of(ctx: Context) -> list[CertificateRequest]:
    """The certificates that the node's components need."""
    return [request for component in running_on(ctx) for request in component.certificates(ctx)]


def secrets_of(ctx: Context) -> list[str]:
    """The names of secrets that the node's components need made."""
    return [name for component in running_on(ctx) for name in component.secrets(ctx)]


def ports_of(ctx: Context) -> dict[tuple[str, str], int]:
    """Every port that the node's components listen on, by (component, parameter)."""
    return {
        (component.name, parameter): port
        for component in running_on(ctx)
        for parameter, port in component.ports(ctx).items()
    }


def compile_node(ctx: Context) -> Manifest:
    """The manifest of one node, from its context of `contexts_of`."""
    blocks = [_block(ctx, component, order) for order, component in enumerate(running_on(ctx), start=1)]
    return Manifest(
        node=ctx.node.ip,
        layout=ctx.layout.kind,
        state=ctx.at(STATE),
        log_dir=ctx.at(LOGS),
        manager=ctx.layout.manager,
        blocks=tuple(blocks),
        offers=ctx.layout.offers,
        # A sandbox is brought about by the process that has it already.
        environment={} if ctx.layout.is_sandbox else environment(ctx.fleet, ctx.node),
    )


def _block(ctx: Context, component: Component, order: int) -> Block:
    programs = _programs(ctx, component)
    if lacking := next((program.lacking for program in programs if program.lacking), None):
        return Block(component.name, component.phase.name.lower(), (), lacking=lacking)
    draft = component.build(ctx)
    supervised = ctx.layout.manager.kind == "supervisor"
    resources, accounts = draft.resources, draft.accounts
    service: Service | None = None
    if draft.service:
        spec = draft.service
        if supervised:
            name, path = spec.name, supervisor.definition_path(ctx.layout, spec.name)
            resources += (File(path, supervisor.definition(ctx.layout, spec, order=order, note=NOTE)),)
        else:
            name, path = systemd.unit_name(spec), systemd.definition_path(ctx.layout, spec)
            resources += _unit(ctx.layout, spec, component.title)
            accounts += _service_accounts(spec)
        service = Service(
            name=name,
            definition=path,
            health=spec.health,
            reload_signal=spec.reload_signal,
            health_timeout=spec.health_timeout,
            stop_timeout=spec.stop_timeout,
        )
    return Block(
        component=component.name,
        phase=component.phase.name.lower(),
        resources=(*_parents(ctx.layout, resources), *(resources if supervised else map(_owned, resources))),
        validators=draft.validators,
        service=service,
        packages=_packages(ctx, component, draft),
        accounts=() if ctx.layout.is_sandbox else accounts,
        commands=draft.commands,
        displaces=draft.service.displaces if draft.service and not supervised else (),
        trees=(*_trees(programs), *draft.trees) if resources else (),
    )


def _trees(programs: Iterable[Program]) -> list[Tree]:
    """What programs come in."""
    return list(dict.fromkeys(program.tree for program in programs if program.tree))


def _programs(ctx: Context, component: Component) -> list[Program]:
    """Those of its packages, and the one that its service runs, as far as the host has them or gets them sent."""
    names = [name for package in component.packages_on(ctx.node) for name in package.programs]
    found = [ctx.layout.programs[name] for name in names if name in ctx.layout.programs]
    with suppress(KeyError):
        found.append(component.program_on(ctx))
    return found


def _owned(resource: Resource) -> Resource:
    """On a real host everything belongs to root where nobody else is named; who else it is given to by hand may change it."""
    if isinstance(resource, File) or (isinstance(resource, Directory) and resource.mode is not None):
        return replace(resource, owner=resource.owner or "root", group=resource.group or "root")
    return resource


def _unit(layout: Layout, spec: ServiceSpec, title: str) -> tuple[Resource, ...]:
    """How systemd runs it: flags, unit or drop-in, and links that keep the distribution's own units for it from running."""
    return (
        File(systemd.options_path(layout, spec), systemd.options(spec, NOTE), mode=0o640),
        File(systemd.definition_path(layout, spec), systemd.definition(spec, title, NOTE)),
        *(Symlink(systemd.mask_path(layout, name), systemd.NULL) for name in spec.displaces),
    )


def _service_accounts(spec: ServiceSpec) -> tuple[Group | User, ...]:
    confinement = spec.confinement
    groups = tuple(Group(name) for name in dict.fromkeys([confinement.group]) if name and confinement.user)
    if confinement.user is None:
        return groups
    shared = tuple(group.name for group in groups if group.name != confinement.user)
    return (*groups, User(confinement.user, groups=shared))


def _packages(ctx: Context, component: Component, draft: Draft) -> tuple[Installed, ...]:
    """What has to be installed: a package that can be done without is, where it can be had, all that is needed."""
    if ctx.layout.is_sandbox or draft.packages is not None:
        return () if ctx.layout.is_sandbox else draft.packages or ()
    if not (draft.resources or draft.service):
        return ()  # it has nothing to do here
    packages = component.packages_on(ctx.node)
    programs = ctx.layout.programs
    chosen = next((p for p in packages if p.optional and any(name in programs for name in p.programs)), None)
    wanted = [chosen] if chosen else [package for package in packages if not package.optional]
    sent = {name for name, program in programs.items() if program.tree}
    needs = {
        need: None for package in wanted for name in package.programs if name in sent for need in programs[name].needs
    }
    wanted = [package for package in wanted if not sent & set(package.programs)]
    named = [Installed(package.name, package.minimum if package.minimum != "0" else None) for package in wanted]
    return (*named, *(Installed(name) for name in needs))


def _parents(layout: Layout, resources: tuple[Resource, ...]) -> list[Directory]:
    """The directories that the resources need but don't name. In a sandbox not even /etc is there."""
    named = {resource.path for resource in resources if isinstance(resource, Directory)}
    links = {resource.path for resource in resources if isinstance(resource, Symlink)}
    root = layout.root.rstrip("/") + "/"
    directories = {resource.path.rpartition("/")[0] for resource in resources}
    needed = {parent for path in directories for parent in _upwards(path) if parent.startswith(root)}
    if layout.is_sandbox:
        return [Directory(path) for path in sorted(needed - named)]
    return [Directory(path, mode=None) for path in sorted(needed - named - links) if path not in _EVERYWHERE]


def _upwards(path: str) -> Iterator[str]:
    """The path and all that it lies in, without the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]
