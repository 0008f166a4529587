"""YAML text to a tree that knows where each value stands, read as Ansible reads it (PyYAML's safe YAML 1.1).

The tree is built from parser events, not with `yaml.compose`: libyaml's composer recurses in C and crashes the process
on deep nesting, while here the depth has a limit.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from staddle.inventory.problems import Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Event = Any  # yaml's classes have no useful types

MAX_DEPTH = 100
MAX_VALUES = 1_000_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAG + name for name in ("str", "null", "bool", "int", "float", "timestamp", "binary")}
_VAULT = ("!vault", "!vault-encrypted")

type_names: Mapping[type, str] = {
    bool: "true or false", int: "a number", float: "a number", str: "text", type(None): "nothing", bytes: "binary data",
    dt.date: "a date", dt.datetime: "a time",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value. `kind` tells text that Ansible must not template (`!unsafe`) or has encrypted (`!vault`)."""

    data: Any
    position: Position | None
    end: Position | None = None
    kind: Literal["plain", "unsafe", "vault"] = "plain"


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list."""

    items: list[Tree]
    position: Position | None


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A mapping. `keys` has the positions of the keys, which is not where their values start.

    `dropped` keeps what a repeated key brought: it never counts, but it may be a secret that must not be shown.
    """

    items: dict[Any, Tree]
    position: Position | None
    keys: dict[Any, Position | None] = field(default_factory=dict)
    dropped: list[tuple[Any, Tree]] = field(default_factory=list)


Tree = Scalar | Items | Table


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen; `pending` is a key that waits for its value."""

    node: Items | Table
    anchor: str | None
    size: int = 1
    pending: Scalar | None = None
    merges: list[Tree] = field(default_factory=list)


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, message: str, position: Position, allowed: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem("error", message, position, allowed=allowed)


def parse(text: str, name: str) -> tuple[Tree | None, list[Problem]]:
    """The tree of the only document in text, and what is wrong with the YAML itself.

    The tree is None if the text could not be read to its end; duplicate keys, unknown tags and the like leave a tree.
    """
    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _Unreadable as error:
        return None, [*builder.problems, error.problem]
    except yaml.YAMLError as error:
        return None, [*builder.problems, _syntax_problem(error, text, name)]
    except UnicodeError:
        return None, [Problem("error", "the text is not valid Unicode", Position(name, 1, 1))]
    return builder.root, builder.problems


def plain(tree: Tree) -> Any:
    """The bare data of a tree; encrypted text stays as it is."""
    if isinstance(tree, Scalar):
        return tree.data
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    return {key: plain(item) for key, item in tree.items.items()}


def tree_of(data: object) -> Tree:
    """A tree without positions, for values that don't come from a file."""
    if isinstance(data, dict):
        return Table({key: tree_of(item) for key, item in data.items()}, None)
    if isinstance(data, list | tuple):
        return Items([tree_of(item) for item in data], None)
    return Scalar(data, None)


def kind_of(data: object) -> str:
    """What data is, in a user's words."""
    if isinstance(data, dict):
        return "a mapping"
    if isinstance(data, list):
        return "a list"
    return type_names.get(type(data), "a value")


class _Builder:
    """Turns parser events into a tree. Iterative: nesting costs no Python stack."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Tree | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Tree, int] | None] = {}
        self._documents = 0
        self._resolver: Any = Resolver()
        self._constructor = SafeConstructor()

    def take(self, event: Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            scalar = self._scalar(event)
            self._remember(event.anchor, scalar, 1)
            self._place(scalar, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Unreadable("a second document starts here", self._at(event), "one document per file")

    def _at(self, event: Event) -> Position:
        return Position(self.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _problem(self, message: str, position: Position | None, allowed: str | None = None) -> None:
        self.problems.append(Problem("error", message, position, allowed=allowed))

    def _start(self, event: Event) -> None:
        position = self._at(event)
        if len(self._open) >= MAX_DEPTH:
            raise _Unreadable(f"values are nested more than {MAX_DEPTH} deep", position)
        kind: Literal["map", "seq"] = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if event.tag not in {None, "!", _TAG + kind}:
            self._problem(f"tag {event.tag!r} is not supported", position)
        node: Items | Table = Table({}, position) if kind == "map" else Items([], position)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.node, Table) and done.merges:
            self._merge(done.node, done.merges)
        self._remember(done.anchor, done.node, done.size)
        self._place(done.node, done.size)

    def _alias(self, event: Event) -> None:
        position = self._at(event)
        if event.anchor not in self._anchors:
            raise _Unreadable(f"no anchor '&{event.anchor}' before this alias", position)
        known = self._anchors[event.anchor]
        if known is None:
            raise _Unreadable(f"alias '*{event.anchor}' contains itself", position)
        self._place(*known)

    def _remember(self, anchor: str | None, tree: Tree, size: int) -> None:
        if anchor:
            self._anchors[anchor] = (tree, size)

    def _place(self, tree: Tree, size: int) -> None:
        if not self._open:
            self.root = tree
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > MAX_VALUES:
            # Aliases of aliases grow exponentially once they are expanded.
            where = parent.node.position or Position(self.name, 1, 1)
            raise _Unreadable(f"aliases expand to more than {MAX_VALUES} values", where)
        if isinstance(parent.node, Items):
            parent.node.items.append(tree)
        elif parent.pending is None:
            parent.pending = self._key(tree)
        else:
            key, parent.pending = parent.pending, None
            self._pair(parent, key, tree)

    def _key(self, tree: Tree) -> Scalar:
        if isinstance(tree, Scalar):
            return tree
        self._problem(f"{kind_of(plain_shallow(tree))} can't be a key", tree.position, "text")
        return Scalar(object(), tree.position)

    def _pair(self, parent: _Open, key: Scalar, value: Tree) -> None:
        table = parent.node
        if not isinstance(table, Table):  # pragma: no cover - only mappings have keys
            return
        if key.data is _MERGE:
            parent.merges.append(value)
            return
        if key.data in table.items:
            first = table.keys[key.data]
            line = f", first set on line {first.line}" if first else ""
            self._problem(f"key {key.data!r} is set twice{line}", key.position)
            table.dropped.append((key.data, value))
            return
        table.items[key.data] = value
        table.keys[key.data] = key.position

    def _merge(self, table: Table, merges: list[Tree]) -> None:
        """Add what `<<` brings: own keys win, then the sources in their order."""
        for source in merges:
            for part in source.items if isinstance(source, Items) else [source]:
                if not isinstance(part, Table):
                    self._problem("'<<' needs a mapping or a list of mappings", part.position or table.position)
                    continue
                for key, value in part.items.items():
                    if key not in table.items:
                        table.items[key] = value
                        table.keys[key] = part.keys[key]

    def _scalar(self, event: Event) -> Scalar:
        position = self._at(event)
        end = Position(self.name, event.end_mark.line + 1, event.end_mark.column + 1)
        text: str = event.value
        if event.tag in _VAULT:
            return Scalar(text, position, end, "vault")
        if event.tag == "!unsafe":
            return Scalar(text, position, end, "unsafe")
        tag = event.tag
        if tag in {None, "!"}:
            tag = self._resolver.resolve(yaml.ScalarNode, text, event.implicit) if tag is None else _TAG + "str"
        if tag == _TAG + "merge":
            return Scalar(_MERGE, position, end)
        if tag == _TAG + "str" or tag == _TAG + "value":
            return Scalar(text, position, end)
        if tag not in _PLAIN_TAGS:
            self._problem(f"tag {tag!r} is not supported", position, "!vault, !unsafe or no tag")
            return Scalar(text, position, end)
        return Scalar(self._construct(tag, text, position), position, end)

    def _construct(self, tag: str, text: str, position: Position) -> Any:
        construct = SafeConstructor.yaml_constructors[tag]
        try:
            return construct(self._constructor, yaml.ScalarNode(tag, text))
        except (ValueError, KeyError, AttributeError, IndexError, OverflowError, yaml.YAMLError):
            # `2024-13-45` looks like a date, `0b_` like a number: PyYAML then fails in various ways.
            self._problem(
                f"this looks like a YAML {tag.removeprefix(_TAG)} but is not valid", position, "text in quotes"
            )
            return text


class _Merge:
    """The key `<<`."""

    def __repr__(self) -> str:
        return "<<"


_MERGE = _Merge()


def plain_shallow(tree: Tree) -> object:
    """An empty value of the same kind as the tree, or the scalar itself."""
    if isinstance(tree, Scalar):
        return tree.data
    return [] if isinstance(tree, Items) else {}


def walk(tree: Tree, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Scalar]]:
    """Every scalar in the tree with the keys and indexes that lead to it."""
    if isinstance(tree, Scalar):
        yield path, tree
    elif isinstance(tree, Items):
        for index, item in enumerate(tree.items):
            yield from walk(item, (*path, index))
    else:
        for key, item in tree.items.items():
            yield from walk(item, (*path, key))


def _syntax_problem(error: yaml.YAMLError, text: str, name: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        position = Position(name, mark.line + 1, mark.column + 1)
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return Problem("error", "a tab in the indentation", position, allowed="spaces")
        message = (error.problem or "can't be read").removeprefix("while ")
        return Problem("error", f"not valid YAML: {message}", position)
    where = getattr(error, "position", None)
    if isinstance(where, int):
        before = text[:where]
        position = Position(name, before.count("\n") + 1, where - (before.rfind("\n") + 1) + 1)
        return Problem("error", "a character that YAML does not allow", position)
    return Problem("error", "not valid YAML", Position(name, 1, 1))
