"""Passwords that everybody knows, and keeping all of them out of what is printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.inventory.document import Scalar, Table, walk
from staddle.inventory.placeholders import dotted
from staddle.inventory.schema import FIELDS, is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.inventory.document import Tree
    from staddle.inventory.problems import Position
    from staddle.inventory.shape import Setting

HIDDEN = "********"

# The sample accounts of the reference and of the programs it deploys, and what people type first.
_WELL_KNOWN = re.compile(
    r"|pigsty|staddle|admin|administrator|root|postgres|grafana|haproxy|minioadmin|password|passwd|pass|secret|changeme"
    r"|change[-_ ]?me|default|test|demo|vagrant|guest|qwerty|letmein|1234+5?6?7?8?9?0?|admin123"
    r"|dbuser\.[a-z]+|s3user\.[a-z]+|patroni\.api|etcd\.root|redis\.[a-z]+|kafka\.[a-z]+|mysql\.[a-z]+",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class WeakSecret:
    """A well-known default given as a secret. `parameter` is its name, `path` the dotted path in the file.

    `ours` tells the parameters that Staddle itself acts on from those it only carries along for other modules.
    """

    parameter: str
    path: str
    position: Position | None
    ours: bool


def weak(setting: Setting) -> Iterator[WeakSecret]:
    """The well-known defaults inside a setting."""
    ours = setting.name in FIELDS
    for path, scalar in walk(setting.tree):
        if scalar.kind == "plain" and is_secret(setting.name, path) and is_well_known(scalar.data):
            yield WeakSecret(setting.name, dotted(setting.path, path), scalar.position, ours)


def is_well_known(value: object) -> bool:
    """Whether a secret is one that everybody would try first. Nothing at all is not a secret."""
    if isinstance(value, bool) or value is None:
        return False
    text = str(value)
    if match := re.match(r"\w+://[^:/@\s]+:([^@\s]*)@", text):
        text = match[1]
    return bool(text) and _WELL_KNOWN.fullmatch(text) is not None


def shown(value: object, *, secret: bool) -> str | None:
    """A value as it may appear in a message, in YAML's words; None for a secret."""
    if secret or value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    text = _IN_URL.sub(HIDDEN, repr(value) if isinstance(value, str) else str(value))
    return text if len(text) <= 60 else f"{text[:57]}…"


def spans(tree: Tree) -> Iterator[tuple[Position, Position]]:
    """From where to where the secrets of a whole inventory stand in its text, unused ones included."""
    stack: list[tuple[Tree, str, tuple[object, ...]]] = [(tree, "", ())]
    while stack:
        node, name, path = stack.pop()
        if isinstance(node, Scalar):
            embedded = isinstance(node.data, str) and _IN_URL.search(node.data)
            if node.position and node.end and (embedded or is_secret(name, path)):
                yield node.position, node.end
        elif isinstance(node, Table):
            stack += [_below(name, path, key, item) for key, item in (*node.items.items(), *node.dropped)]
        else:
            stack += [(item, name, (*path, index)) for index, item in enumerate(node.items)]


def _below(name: str, path: tuple[object, ...], key: object, item: Tree) -> tuple[Tree, str, tuple[object, ...]]:
    """A child with the parameter it belongs to: groups and hosts are above any parameter."""
    if name not in FIELDS and isinstance(key, str) and key in FIELDS:
        return item, key, ()
    return item, name, (*path, key)
