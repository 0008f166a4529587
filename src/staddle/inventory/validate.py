"""One setting against its parameter's type: the value it stands for, or what is wrong with it in a user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from staddle.inventory.document import Items, Table, kind_of, plain
from staddle.inventory.nearest import nearest
from staddle.inventory.parameters import describe
from staddle.inventory.placeholders import dotted
from staddle.inventory.problems import Problem
from staddle.inventory.schema import FIELDS, adapter, is_secret, keys_of
from staddle.inventory.secrets import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from staddle.inventory.document import Tree
    from staddle.inventory.problems import Position
    from staddle.inventory.shape import Setting

# Pydantic's error types, by what would have been accepted.
_ALLOWED: Mapping[str, str] = {
    "bool_type": "true or false", "bool_parsing": "true or false", "int_type": "a whole number",
    "int_parsing": "a whole number", "int_parsing_size": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "string_type": "text", "list_type": "a list",
    "dict_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping",
    "finite_number": "a number",
}  # fmt: skip


def validate(setting: Setting, tree: Tree) -> tuple[Any, list[Problem]]:
    """The value of a setting, whose placeholders are replaced in tree. With problems, the value is None."""
    try:
        return adapter(setting.name).validate_python(plain(tree)), []
    except ValidationError as error:
        return None, [_problem(setting, tree, detail) for detail in error.errors(include_url=False)]


def without_effect(setting: Setting, value: Any) -> list[Problem]:
    """A warning, if this asks for something that is not done."""
    field = FIELDS[setting.name]
    idle = describe(field).idle
    if not idle or value == field.get_default(call_default_factory=True):
        return []
    return [Problem("warning", f"has no effect: {idle}", setting.key, setting.path)]


def _problem(setting: Setting, tree: Tree, detail: ErrorDetails) -> Problem:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(setting, tree, path)
    found_tree, position, path = _find(tree, path)
    if kind == "missing":
        missing = detail["loc"][-1]
        return Problem("error", f"key {missing!r} is missing", position or setting.key, dotted(setting.path, path))
    is_key = detail["loc"][-1:] == ("[key]",)
    secret = is_secret(setting.name, path) and not is_key
    value = path[-1] if is_key and path else plain(found_tree)
    message, allowed = _words(detail, value)
    return Problem(
        "error",
        message,
        (_key_position(tree, path) if is_key else position) or setting.key,
        dotted(setting.path, path),
        found=shown(value, secret=secret) if not isinstance(value, dict | list) else kind_of(value),
        allowed=allowed,
    )


def _words(detail: ErrorDetails, value: object) -> tuple[str, str | None]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "staddle":
        return str(context["message"]), str(context["allowed"])
    if kind == "literal_error":
        return "has no value" if value is None else "is not one of the allowed values", str(
            context["expected"]
        ).replace("'", "")
    if kind in _ALLOWED:
        allowed = _ALLOWED[kind]
        if value is None:
            return "has no value", allowed
        if allowed == "text" and not isinstance(value, dict | list):
            allowed = "text: put it in quotes"
        return f"is {kind_of(value)}" if kind.endswith("_type") else f"is not {allowed}", allowed
    return detail["msg"].lower(), None


def _unknown_key(setting: Setting, tree: Tree, path: tuple[Any, ...]) -> Problem:
    key = path[-1]
    known = keys_of(setting.name)
    near = nearest(str(key), known)
    position = _key_position(tree, path) or setting.key
    allowed = None if near else ", ".join(known)
    return Problem("error", f"unknown key {key!r}", position, dotted(setting.path, path), allowed=allowed, nearest=near)


def _find(tree: Tree, path: tuple[Any, ...]) -> tuple[Tree, Position | None, tuple[Any, ...]]:
    """The deepest part of the tree on the path, where it stands, and how far the path could be followed."""
    followed: tuple[Any, ...] = ()
    for part in path:
        step = _step(tree, part)
        if step is None:
            break
        key, tree = step
        followed = (*followed, key)
    return tree, tree.position, followed


def _key_position(tree: Tree, path: tuple[Any, ...]) -> Position | None:
    parent, position, _ = _find(tree, path[:-1])
    return parent.keys.get(path[-1]) if isinstance(parent, Table) and path else position


def _step(tree: Tree, part: Any) -> tuple[Any, Tree] | None:
    """The child of a tree that pydantic calls part, with its real key: pydantic turns keys into text."""
    if isinstance(tree, Items):
        return (part, tree.items[part]) if isinstance(part, int) and part < len(tree.items) else None
    if isinstance(tree, Table):
        return next(((key, item) for key, item in tree.items.items() if key == part or str(key) == part), None)
    return None
