"""Fleet → one manifest per host. Pure: same fleet, layout and material, same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from staddle.components.base import Context
from staddle.components.registration import Registry
from staddle.components.registry import all_components
from staddle.components.render import NOTE
from staddle.manifest import supervisor
from staddle.manifest.layout import LOGS, STATE
from staddle.manifest.resources import Block, Directory, File, Manifest, Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.components.base import CertificateRequest, Component, Draft, Material, Package
    from staddle.inventory.fleet import Fleet, Node
    from staddle.manifest.layout import Layout
    from staddle.manifest.resources import Resource


def compile_fleet(fleet: Fleet, layout_of: Callable[[Node], Layout], material: Material) -> dict[str, Manifest]:
    """The manifest of every node, by ip."""
    contexts = contexts_of(fleet, layout_of, material)
    return {ip: _compile_node(ctx) for ip, ctx in contexts.items()}


def contexts_of(
    fleet: Fleet, layout_of: Callable[[Node], Layout], material: Material | None = None
) -> dict[str, Context]:
    """A context per node, with everything that all nodes registered."""
    bare = {node.ip: Context(fleet, node, layout_of(node), material) for node in fleet.nodes}
    own = {ip: [replace(c.register(ctx), logs=c.logs(ctx)) for c in components_on(ctx.node)] for ip, ctx in bare.items()}
    everything = Registry.of(registration for registrations in own.values() for registration in registrations)
    contexts = {}
    for ip, ctx in bare.items():
        # Routes lead to services on the same host; everything else concerns all INFRA nodes.
        routes = tuple(route for registration in own[ip] for route in registration.routes)
        contexts[ip] = replace(ctx, registry=replace(everything, routes=routes))
    return contexts


def components_on(node: Node) -> list[Component]:
    """The components that belong on the node, in the order of convergence."""
    return [component for component in all_components() if component.enabled(node)]


def packages_on(node: Node) -> list[Package]:
    """The packages that the node's components need, each once."""
    return list({package.name: package for c in components_on(node) for package in c.packages_on(node)}.values())


def certificates_of(ctx: Context) -> list[CertificateRequest]:
    """The certificates that the node's components need."""
    return [request for component in components_on(ctx.node) for request in component.certificates(ctx)]


def ports_of(ctx: Context) -> dict[tuple[str, str], int]:
    """Every port that the node's components listen on, by (component, parameter)."""
    return {
        (component.name, parameter): port
        for component in components_on(ctx.node)
        for parameter, port in component.ports(ctx).items()
    }


def _compile_node(ctx: Context) -> Manifest:
    blocks = [
        _block(ctx, component, component.build(ctx), order)
        for order, component in enumerate(components_on(ctx.node), start=1)
    ]
    return Manifest(
        node=ctx.node.ip,
        layout=ctx.layout.kind,
        state=ctx.at(STATE),
        log_dir=ctx.at(LOGS),
        manager=ctx.layout.manager,
        blocks=tuple(blocks),
    )


def _block(ctx: Context, component: Component, draft: Draft, order: int) -> Block:
    resources, service = draft.resources, None
    if draft.service:
        spec = draft.service
        path = supervisor.definition_path(ctx.layout, spec.name)
        content = supervisor.definition(ctx.layout, spec, order=order, note=NOTE)
        resources += (File(path, content, on_change="restart"),)
        service = Service(
            name=spec.name,
            definition=path,
            health=spec.health,
            reload_signal=spec.reload_signal,
            health_timeout=spec.health_timeout,
            stop_timeout=spec.stop_timeout,
        )
    phase = component.phase.name.lower()
    return Block(component.name, phase, (*_parents(ctx.layout, resources), *resources), draft.validators, service)


def _parents(layout: Layout, resources: tuple[Resource, ...]) -> list[Directory]:
    """In a sandbox not even /etc is there: the directories that the resources need but don't name."""
    if not layout.is_sandbox:
        return []
    named = {resource.path for resource in resources if isinstance(resource, Directory)}
    root = PurePosixPath(layout.root)
    needed = {
        str(parent)
        for resource in resources
        for parent in PurePosixPath(resource.path).parents
        if parent.is_relative_to(root) and parent != root
    }
    return [Directory(path) for path in sorted(needed - named)]
