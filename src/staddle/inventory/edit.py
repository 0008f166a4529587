"""Changes to the text of an inventory that leave everything else in it as it is: comments, order, quotes, layout.

An entry is put after the last of its mapping, or taken away, as text. What comes out is read again and compared with what
should have come out; a layout that this can't handle is refused, never guessed at.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import yaml

from staddle.errors import StaddleError
from staddle.inventory import document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Path = tuple[str, ...]
_STEP = 2
_SECTIONS = ("all", "children", "hosts", "vars")
_PLAIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_./-]*")


def read(text: str) -> Any:
    """What the text says, with keys as they are written. Raises StaddleError."""
    tree, problems = document.parse(text, "inventory")
    if tree is None or any(problem.is_error for problem in problems):
        raise StaddleError("the inventory can't be read", hint="`staddle check` says why")
    return _named(document.plain(tree))


def put(text: str, path: Path, key: str | int, value: Mapping[str, Any]) -> str:
    """The text with `key: value` as the last entry of the mapping at `path`, which is made if it isn't there.

    In a path, and to `drop`, a number is what is written.

    Raises StaddleError if there is such an entry, or the layout doesn't allow it.
    """
    data = read(text)
    wanted = copy.deepcopy(data)
    place = wanted
    for name in path:
        if isinstance(place, dict):
            place[name] = {} if place.get(name) is None else place[name]
            place = place[name]
        else:
            place = None
    if not isinstance(place, dict):
        raise StaddleError(f"{'.'.join(path)} is not a mapping")
    if str(key) in place:
        raise StaddleError(f"{'.'.join((*path, str(key)))} is there already")
    place[str(key)] = _named(value)
    known, entry = _existing(data, path), dict[str | int, Any]({key: value})
    for name in reversed(path[len(known) :]):
        entry = {name: entry}
    [(first, content)] = entry.items()
    return _checked(_inserted(text, known, first, content), wanted, first)


def drop(text: str, path: Path, key: str) -> str:
    """The text without the entry `key` of the mapping at `path`, and the comment lines right above it, which are about it.

    Raises StaddleError if there is none.
    """
    wanted = copy.deepcopy(read(text))
    place: Any = wanted
    for name in path:
        place = place.get(name) if isinstance(place, dict) else None
    if not isinstance(place, dict) or key not in place:
        raise StaddleError(f"there is no {'.'.join((*path, key))}")
    del place[key]
    return _checked(_without(text, path, key), wanted, key)


def _inserted(text: str, path: Path, key: str | int, value: Any) -> str:
    """`path` leads to a mapping, or to a key without a value."""
    newline = "\r\n" if "\r\n" in text else "\n"
    keys, node = _find(text, path)
    if isinstance(node, yaml.MappingNode) and node.value:
        if node.flow_style:
            end = _end(node.value[-1][1])
            return f"{text[:end]}, {_flow(key)}: {_flow(value)}{text[end:]}"
        column = node.value[0][0].start_mark.column
        at, before = _after(text, node, column)
        spaced = len(node.value) > 1 and _blank_above(text, node.value[-1][0].start_mark.line)
        lines = [*([""] if spaced else []), *_block(key, value, column, _step(keys, node))]
        return before + "".join(f"{line}{newline}" for line in lines) + text[at:]
    if isinstance(node, yaml.MappingNode) or _is_null(node):
        # `children: {}` or `children:`; in a flow mapping it stays one.
        parent = _find(text, path[:-1])[1]
        start, end = node.start_mark.index, node.end_mark.index
        if parent.flow_style:
            gap = "" if text[start - 1 : start].isspace() else " "
            return f"{text[:start]}{gap}{{ {_flow(key)}: {_flow(value)} }}{text[end:]}"
        rest = text[end:].partition("\n")[0]
        if rest.strip() and not rest.strip().startswith("#"):
            raise StaddleError(f"the line with {'.'.join(path)!r} can't be changed")
        step = _step(keys[:-1], parent)
        head = text[: start if isinstance(node, yaml.MappingNode) else end].rstrip(" ") + rest.rstrip("\r")
        lines = [head, *_block(key, value, keys[-1].start_mark.column + step, step)]
        return newline.join(lines) + newline + text[end + len(rest) :].removeprefix("\n")
    raise StaddleError(f"{'.'.join(path)} is not a mapping")


def _without(text: str, path: Path, key: str) -> str:
    _, node = _find(text, path)
    index = next(i for i, (name, _) in enumerate(node.value) if name.value == key)
    name, value = node.value[index]
    if node.flow_style:
        if len(node.value) == 1:
            return text[: name.start_mark.index] + text[_end(value) :]
        if index:
            return text[: _end(node.value[index - 1][1])] + text[_end(value) :]
        return text[: name.start_mark.index] + text[node.value[1][0].start_mark.index :]
    lines = text.splitlines(keepends=True)
    first, column = name.start_mark.line, name.start_mark.column
    while first and lines[first - 1].strip().startswith("#") and _indent(lines[first - 1]) == column:
        first -= 1
    last = _last_line(lines, value, column)
    if first and not lines[first - 1].strip() and (last + 1 >= len(lines) or not lines[last + 1].strip() or index):
        first -= 1
    return "".join(lines[:first] + lines[last + 1 :])


def _after(text: str, node: Any, column: int) -> tuple[int, str]:
    """Where the line behind a block mapping starts, and the text up to there, which ends a line."""
    lines = text.splitlines(keepends=True)
    last = _last_line(lines, node.value[-1][1], column)
    before = "".join(lines[: last + 1])
    return len(before), before if before.endswith("\n") else before + ("\r\n" if "\r\n" in text else "\n")


def _last_line(lines: Sequence[str], value: Any, column: int) -> int:
    """The last line of an entry's value, with the comments below it that are indented as its own."""
    last: int = _end_mark(value).line
    if _end_mark(value).column == 0 and last > value.start_mark.line:
        last -= 1  # a block of text ends where the next line begins
    while not lines[min(last, len(lines) - 1)].strip():
        last -= 1
    ahead = last + 1
    while ahead < len(lines) and lines[ahead].strip().startswith("#") and _indent(lines[ahead]) > column:
        last, ahead = ahead, ahead + 1
    return min(last, len(lines) - 1)


def _find(text: str, path: Path) -> tuple[list[Any], Any]:
    """The key nodes along a path, and the node that it leads to."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    keys = []
    for name in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [pair for pair in pairs if pair[0].value == name]
        if len(found) != 1:
            raise StaddleError(f"{'.'.join(path)} is not there once")
        keys.append(found[0][0])
        node = found[0][1]
    return keys, node


def _existing(data: Any, path: Path) -> Path:
    """As much of the path as has keys in the text."""
    known: Path = ()
    for name in path:
        if not isinstance(data, dict) or name not in data:
            break
        known, data = (*known, name), data[name]
    return known


def _end(node: Any) -> int:
    return int(_end_mark(node).index)


def _end_mark(node: Any) -> Any:
    """Where a node's text ends: that of a block collection is where its last leaf ends."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark


def _step(keys: Sequence[Any], node: Any) -> int:
    """By how much the file indents: as the mapping is, below its own key."""
    if keys and isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        step = int(node.value[0][0].start_mark.column - keys[-1].start_mark.column)
        return step if step > 0 else _STEP
    return _STEP


def _block(key: str | int, value: Any, column: int, step: int) -> list[str]:
    """An entry in block style."""
    head = " " * column + f"{_flow(key)}:"
    if value == {}:
        return [head]
    # Hosts are written on a line each, what a group has is not.
    if key not in _SECTIONS and not (
        isinstance(value, dict) and any(isinstance(item, dict) for item in value.values())
    ):
        return [f"{head} {_flow(value)}"]
    return [head, *(line for name, item in value.items() for line in _block(name, item, column + step, step))]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")


def _is_null(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null") and not node.value


def _blank_above(text: str, line: int) -> bool:
    lines = text.splitlines()
    while line and lines[line - 1].strip().startswith("#"):
        line -= 1
    return line > 0 and not lines[line - 1].strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _named(value: Any) -> Any:
    """With keys as they are written: 20001 is "20001"."""
    return {str(key): _named(item) for key, item in value.items()} if isinstance(value, dict) else value


def _checked(text: str, wanted: Any, key: str | int) -> str:
    """The text, if it says what it should. Keys without a value and empty mappings are the same."""
    tree, problems = document.parse(text, "inventory")
    if tree is None or any(problem.is_error for problem in problems) or _bare(document.plain(tree)) != _bare(wanted):
        raise StaddleError(f"the layout of the inventory doesn't let {key!r} be changed by a program",
                           hint="change it with an editor, and then run `staddle check`")  # fmt: skip
    return text


def _bare(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _bare(item) for key, item in data.items()} or None
    return [_bare(item) for item in data] if isinstance(data, list) else data
