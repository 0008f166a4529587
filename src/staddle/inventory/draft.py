"""A node together with the settings it came from, so that checks can say where a mistake was made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.inventory.document import Items, Scalar, Table
from staddle.inventory.problems import Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.inventory.document import Tree
    from staddle.inventory.fleet import Node
    from staddle.inventory.problems import Severity
    from staddle.inventory.shape import Host, Setting

_NAME = re.compile(r"[^.\[]+")


class Places(Mapping[str, Position]):
    """Positions by dotted path. Looks into the settings' trees when asked: most paths of most nodes never are."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self._settings = settings

    def __getitem__(self, path: str) -> Position:
        match = _NAME.match(path)
        names = [match[0]] if match and match[0] in self._settings else self._settings
        for name in names:  # all of them only for a name that has a dot itself
            if path == name or (path.startswith(name) and path[len(name)] in ".["):
                position = _descend(self._settings[name].tree, path[len(name) :])
                if position:
                    return position
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        for name, setting in self._settings.items():
            yield from (name + rest for rest, _ in _places(setting.tree, ""))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A node, its winning settings, and the names of those that are not valid (their defaults stand in)."""

    node: Node
    host: Host
    settings: Mapping[str, Setting]
    broken: frozenset[str]

    def problem(
        self,
        severity: Severity,
        where: str,
        message: str,
        allowed: str | None = None,
        found: str | None = None,
        nearest: str | None = None,
    ) -> Problem:
        """A problem with (a part of) one of this node's parameters, at the place where it is set, else at the host."""
        match = _NAME.match(where)
        name = match[0] if match else where
        setting = self.settings.get(name)
        if setting is None or setting.key is None:
            return Problem(severity, message, self.host.position, f"{self.host.path}.{where}", found, allowed, nearest)
        path = setting.path + where[len(name) :]
        position = self.node.where(where) or setting.key
        return Problem(severity, message, position, path, found, allowed, nearest)

    def is_set(self, name: str) -> bool:
        """Whether the file sets the parameter for this node."""
        return name in self.settings and self.settings[name].key is not None


def _descend(tree: Tree, rest: str) -> Position | None:
    if not rest:
        return tree.position
    children: Iterator[tuple[str, Tree]]
    if isinstance(tree, Table):
        children = ((f".{key}", item) for key, item in tree.items.items())
    elif isinstance(tree, Items):
        children = ((f"[{index}]", item) for index, item in enumerate(tree.items))
    else:
        return None
    for step, item in children:
        # Keys may hold dots themselves, so a step is compared as a whole.
        if rest == step or (rest.startswith(step) and rest[len(step)] in ".["):
            position = _descend(item, rest[len(step) :])
            if position:
                return position
    return None


def _places(tree: Tree, path: str) -> Iterator[tuple[str, Position]]:
    if tree.position:
        yield path, tree.position
    if isinstance(tree, Table):
        for key, item in tree.items.items():
            yield from _places(item, f"{path}.{key}")
    elif isinstance(tree, Items):
        for index, item in enumerate(tree.items):
            yield from _places(item, f"{path}[{index}]")
    else:
        assert isinstance(tree, Scalar)  # noqa: S101 - the union has no other member
