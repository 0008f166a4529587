"""The components there are. A module below `staddle.components` that decorates its class with `@component` is one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from graphlib import TopologicalSorter
from typing import TypeVar

import staddle.components as package
from staddle.components.base import Component

C = TypeVar("C", bound=type[Component])

_classes: dict[str, type[Component]] = {}


def component(cls: C) -> C:
    """Class decorator: makes the component known."""
    if cls.name in _classes:
        raise ValueError(f"two components are called {cls.name}")
    _classes[cls.name] = cls
    return cls


@cache
def all_components() -> tuple[Component, ...]:
    """Every component in the order of convergence: by phase, then after what it depends on, then by name."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    ordered: list[Component] = []
    for phase in sorted({cls.phase for cls in _classes.values()}):
        members = {name: cls for name, cls in sorted(_classes.items()) if cls.phase is phase}
        graph = {name: [other for other in cls.after if other in members] for name, cls in members.items()}
        ordered += [members[name]() for name in TopologicalSorter(graph).static_order()]
    return tuple(ordered)
