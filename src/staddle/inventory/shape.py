"""Ansible's shape: groups, hosts and their variables, and which value wins.

A group may appear in several places (its parts add up), a host in several groups (its variables add up). From weak to
strong: the layer given by the caller, `all`, groups from the root down (by depth, then `ansible_group_priority`, then
name), the host itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from staddle.inventory.document import Items, Scalar, Table, kind_of, plain, plain_shallow
from staddle.inventory.nearest import nearest
from staddle.inventory.problems import Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from staddle.inventory.document import Tree

_GROUP_KEYS = ("children", "hosts", "vars")
_RANGE = re.compile(r"\[(\d{1,9}):(\d{1,9})(?::(\d{1,4}))?\]", re.ASCII)
_MAX_RANGE = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One variable where it is set. `path` is the dotted path to it, `key` where its name stands."""

    name: str
    tree: Tree
    path: str
    key: Position | None


@dataclass(slots=True, eq=False)
class Group:
    """A group with the parts of all its appearances put together."""

    name: str
    vars: dict[str, Setting] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)
    hosts: list[str] = field(default_factory=list)
    position: Position | None = None


@dataclass(slots=True, eq=False)
class Host:
    """A host by its key, with the groups that name it directly, in file order."""

    key: str
    path: str
    position: Position | None
    groups: list[str] = field(default_factory=list)
    vars: dict[str, Setting] = field(default_factory=dict)


@dataclass
class Shape:
    """What the file says, before any parameter is looked at. `settings` has all settings, also those that never win."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    settings: list[Setting] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def ancestry(self, host: Host) -> tuple[str, ...]:
        """All groups of a host, weakest first, `all` included."""
        seen: set[str] = {"all"}
        queue = list(host.groups)
        while queue:
            name = queue.pop()
            if name not in seen:
                seen.add(name)
                queue.extend(self.groups[name].parents)
        return tuple(sorted(seen, key=self._strength))

    def _strength(self, name: str) -> tuple[int, int, str]:
        priority = self.groups[name].vars.get("ansible_group_priority") if name in self.groups else None
        data = priority.tree.data if priority and isinstance(priority.tree, Scalar) else 1
        return self.depths.get(name, 0), data if isinstance(data, int) else 1, name

    @cached_property
    def depths(self) -> dict[str, int]:
        """The longest way from `all` down to each group. To be asked once the shape is complete."""
        depths = dict.fromkeys(self.groups, 1) | {"all": 0}
        waiting = {name: len(group.parents - {"all"}) for name, group in self.groups.items() if name != "all"}
        children: dict[str, list[str]] = {}
        for name, group in self.groups.items():
            for parent in group.parents - {"all"}:
                children.setdefault(parent, []).append(name)
        ready = [name for name, count in waiting.items() if not count]
        while ready:
            name = ready.pop()
            for child in children.get(name, ()):
                depths[child] = max(depths[child], depths[name] + 1)
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return depths


def read(tree: Tree | None, file: str) -> Shape:
    """Take the tree of an inventory apart. Everything that is not in Ansible's shape becomes a problem."""
    reader = _Reader(file)
    reader.read(tree)
    return reader.shape


def merged(
    shape: Shape, host: Host, base: Mapping[str, Setting], known: dict[tuple[str, ...], dict[str, Setting]]
) -> dict[str, Setting]:
    """The winning setting of each variable of a host. `known` remembers what groups add up to."""
    groups = shape.ancestry(host)
    if groups not in known:
        layers = dict(base)
        for name in groups:
            if name in shape.groups:
                layers |= shape.groups[name].vars
        known[groups] = layers
    return known[groups] | host.vars


def layers(shape: Shape, host: Host, base: Mapping[str, Setting], name: str) -> list[Setting]:
    """Every setting of one variable that concerns a host, weakest first."""
    sources = [base, *(shape.groups[group].vars for group in shape.ancestry(host) if group in shape.groups), host.vars]
    return [source[name] for source in sources if name in source]


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.shape = Shape()

    def read(self, tree: Tree | None) -> None:
        start = Position(self.file, 1, 1)
        if tree is None or (isinstance(tree, Scalar) and tree.data is None):
            self._error("the inventory is empty", start, "", allowed="all.children.<group>.hosts.<address>")
            return
        if not isinstance(tree, Table):
            self._error(
                f"the inventory is {kind_of(plain_shallow(tree))}", start, "", allowed="a mapping with key 'all'"
            )
            return
        for name, body, key in self._entries(tree, ""):
            if name in _GROUP_KEYS:
                self._error(f"{name!r} stands outside of any group", key, name, allowed="under 'all'")
            else:
                self._group(name, body, key, name, parent=None, above=())
        if not self.shape.hosts and not self.shape.problems:
            self._error("the inventory has no hosts", start, "", allowed="all.children.<group>.hosts.<address>")

    def _group(
        self, name: str, body: Tree, key: Position | None, path: str, *, parent: str | None, above: tuple[str, ...]
    ) -> None:
        if name in above or (name == "all" and parent):
            self._error(f"group {name!r} contains itself", key, path)
            return
        group = self.shape.groups.setdefault(name, Group(name, position=key))
        if parent:
            group.parents.add(parent)
            if self._loops(name):
                group.parents.discard(parent)
                self._error(f"group {name!r} contains itself", key, path)
                return
        sections = {}
        for part, content, where in self._entries(body, path):
            if part in _GROUP_KEYS:
                sections[part] = content
                continue
            near = nearest(part, _GROUP_KEYS)
            inside = isinstance(content, Table) and any(k in content.items for k in _GROUP_KEYS)
            hint = "groups go under 'children'" if inside else "'hosts', 'vars' or 'children'"
            self._error(f"unknown key {part!r} in a group", where, f"{path}.{part}", allowed=hint, near=near)
        # Ansible's own order, which decides between two values for the same host.
        if "vars" in sections:
            self._vars(sections["vars"], f"{path}.vars", group.vars)
        for child, content, where in self._entries(sections.get("children"), f"{path}.children"):
            self._group(child, content, where, f"{path}.children.{child}", parent=name, above=(*above, name))
        if "hosts" in sections:
            self._hosts(group, sections["hosts"], f"{path}.hosts")

    def _loops(self, name: str) -> bool:
        seen, queue = set(), list(self.shape.groups[name].parents)
        while queue:
            parent = queue.pop()
            if parent == name:
                return True
            if parent not in seen:
                seen.add(parent)
                queue.extend(self.shape.groups[parent].parents)
        return False

    def _hosts(self, group: Group, tree: Tree, path: str) -> None:
        if isinstance(tree, Scalar) and isinstance(tree.data, str):
            # Ansible takes a lone name for a mapping with that key.
            tree = Table({tree.data: Scalar(None, tree.position)}, tree.position, {tree.data: tree.position})
        if isinstance(tree, Items):
            self._error("hosts is a list", tree.position, path, allowed="a mapping: write 'ADDRESS:' without a dash")
            return
        for pattern, content, where in self._entries(tree, path):
            for key in self._expand(pattern, where, path):
                host = self.shape.hosts.setdefault(key, Host(key, f"{path}.{key}", where))
                if group.name not in host.groups:
                    host.groups.append(group.name)
                    group.hosts.append(key)
                self._vars(content, f"{path}.{key}", host.vars)

    def _expand(self, pattern: str, where: Position | None, path: str) -> Iterator[str]:
        match = _RANGE.search(pattern)
        if not match:
            yield pattern
            return
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
        if last < first or not step or (last - first) // step > _MAX_RANGE:
            self._error(f"host range {pattern!r} can't be expanded", where, f"{path}.{pattern}", allowed="[first:last]")
            return
        width = len(match[1]) if match[1].startswith("0") else 0
        for number in range(first, last + 1, step):
            yield from self._expand(
                f"{pattern[: match.start()]}{number:0{width}d}{pattern[match.end() :]}", where, path
            )

    def _vars(self, tree: Tree, path: str, into: dict[str, Setting]) -> None:
        for name, value, key in self._entries(tree, path):
            setting = Setting(name, value, f"{path}.{name}", key)
            rival = into.get(name)
            if rival and plain(rival.tree) != plain(value):
                # A group or host in several places adds up, and then the last value wins, as in Ansible.
                message = f"replaces another value given at {rival.path}"
                problem = Problem("warning", message, key, setting.path, allowed="the same value in both places")
                self.shape.problems.append(problem)
            self.shape.settings.append(setting)
            into[name] = setting

    def _entries(self, tree: Tree | None, path: str) -> Iterator[tuple[str, Tree, Position | None]]:
        """The entries of a mapping with text keys; nothing at all counts as an empty mapping."""
        if tree is None or (isinstance(tree, Scalar) and tree.data is None):
            return
        if not isinstance(tree, Table):
            self._error(f"this is {kind_of(plain_shallow(tree))}", tree.position, path, allowed="a mapping")
            return
        for key, value in tree.items.items():
            where = tree.keys.get(key)
            if isinstance(key, str):
                yield key, value, where
            elif type(key) is not object:  # stands for a key that was already reported
                self._error(f"key {key!r} is {kind_of(key)}", where, path, allowed="text: put it in quotes")

    def _error(
        self, message: str, position: Position | None, path: str, *, allowed: str | None = None, near: str | None = None
    ) -> None:
        self.shape.problems.append(
            Problem("error", message, position or Position(self.file, 1, 1), path, allowed=allowed, nearest=near)
        )
