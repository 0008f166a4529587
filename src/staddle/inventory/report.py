"""Problems and summaries as text for people and as data for scripts. Never shows a secret, in a source line neither."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from staddle.inventory import document
from staddle.inventory.identity import external_url
from staddle.inventory.modules import MODULES, member
from staddle.inventory.schema import FIELDS, SECRET_KEY, is_secret
from staddle.inventory.secrets import HIDDEN, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.inventory.fleet import Fleet
    from staddle.inventory.load import Loaded
    from staddle.inventory.problems import Problem
    from staddle.inventory.secrets import WeakSecret

_WIDTH = 110
_TOKEN = re.compile(
    r""" "(?:[^"\\]|\\.)*" | '(?:[^']|'')*' | [\[\]{},&*!|>%@`] | [^\s,\[\]{}\#:](?:[^,\[\]{}\#:]|:(?=\S))* """,
    re.VERBOSE,
)
_KEY = re.compile(r"(\s*)(?:-\s+)?[\"']?([\w.-]+)[\"']?\s*:")
_SWITCH = "_enabled"
_OF_MODULES = ("pg_", "pgbouncer_", "patroni_", "pgbackrest_", "redis_")
"""Switches that mean something only where the module is."""
# Messages that begin so are about the value at the path, and read as a sentence with it.
_PREDICATES = ("is ", "has ", "holds ", "asks ", "replaces ", "starts ", "differs ", "can't be ")


def render(problems: Sequence[Problem], text: str) -> str:
    """Every problem with its source line and a caret below it, and a count. `text` is the inventory's source."""
    lines = _Lines(text)
    blocks = [_block(problem, lines) for problem in problems]
    errors = sum(problem.is_error for problem in problems)
    blocks.append(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")
    return "\n\n".join(blocks)


def as_data(problem: Problem) -> dict[str, Any]:
    """A problem as JSON carries it; keys are always there."""
    position = problem.position
    return {
        "severity": problem.severity,
        "file": position.file if position else None,
        "line": position.line if position else None,
        "column": position.column if position else None,
        "path": problem.path,
        "message": problem.message,
        "found": problem.found,
        "allowed": problem.allowed,
        "nearest": problem.nearest,
    }


def weak_as_data(weak: WeakSecret) -> dict[str, Any]:
    """Where a well-known default password was given."""
    position = weak.position
    return {
        "parameter": weak.parameter, "path": weak.path, "ours": weak.ours,
        "file": position.file if position else None, "line": position.line if position else None,
        "column": position.column if position else None,
    }  # fmt: skip


def summary_data(loaded: Loaded) -> dict[str, Any]:
    """What a valid inventory says: nodes, INFRA members, portal entries, what is enabled, other modules."""
    fleet = loaded.fleet
    first = fleet.infra[0].params if fleet.infra else None
    return {
        "source": fleet.source,
        "admin_ip": fleet.admin_ip,
        "nodes": [
            {"ip": node.ip, "name": node.name, "cluster": node.cluster, "groups": list(node.groups)}
            for node in fleet.nodes
        ],
        "infra": [{"ip": node.ip, "name": node.name, "infra_seq": node.infra_seq} for node in fleet.infra],
        "portal_url": external_url(first) if first and first.nginx_enabled else None,
        "portal": [
            {"name": name, "domain": entry.domain, "to": entry.endpoint or entry.path or "the home page"}
            for name, entry in (first.infra_portal.items() if first and first.nginx_enabled else ())
        ],
        "enabled": {
            "infra": _enabled(fleet, infra=True),
            "node": _enabled(fleet, infra=False),
        },
        "alert_receivers": sorted(first.alert_receivers) if first else [],
        "probes": len(first.blackbox_targets) if first else 0,
        "clusters": _clusters(fleet),
    }


def summary(loaded: Loaded) -> str:
    """The same for people."""
    data = summary_data(loaded)
    rows = [("nodes", _nodes(data["nodes"]))]
    if data["infra"]:
        members = ", ".join(f"{node['ip']} ({node['infra_seq']})" for node in data["infra"])
        rows.append(("infra", f"{members}; the others are served by {data['admin_ip']}"))
    else:
        rows.append(("infra", "none: put a host into group 'infra' to have a portal and monitoring"))
    if data["portal_url"]:
        rows.append(("portal", data["portal_url"]))
        rows += [
            ("", f"{entry['name']}: {entry['domain'] or 'not served'} -> {entry['to']}") for entry in data["portal"]
        ]
    if data["infra"]:
        rows.append(("on infra", ", ".join(data["enabled"]["infra"]) or "nothing"))
    rows.append(("on nodes", ", ".join(data["enabled"]["node"]) or "nothing"))
    if data["infra"]:
        receivers = ", ".join(data["alert_receivers"])
        rows.append(
            ("alerts", f"go to {receivers}" if receivers else "stay on the portal; set alert_receivers to send them")
        )
    rows += [("clusters" if not index else "", text) for index, text in enumerate(_cluster_lines(data["clusters"]))]
    return "\n".join(f"  {label:<9} {text}" for label, text in rows)


def _nodes(nodes: Sequence[dict[str, Any]]) -> str:
    shown = ", ".join(
        f"{node['name']} ({node['ip']})" if node["name"] != node["ip"] else node["ip"] for node in nodes[:4]
    )
    return f"{len(nodes)}: {shown}" + (f", … and {len(nodes) - 4} more" if len(nodes) > 4 else "")


def _enabled(fleet: Fleet, *, infra: bool) -> list[str]:
    """What is switched on: on an INFRA node, or on any node. A switch belongs where its section says it runs."""
    nodes = fleet.infra if infra else fleet.nodes
    switches = [name for name in FIELDS if name.endswith(_SWITCH) and not name.startswith(_OF_MODULES)]
    switches = [name for name in switches if _is_node_switch(name) is not infra]
    return [name.removesuffix(_SWITCH) for name in switches if any(getattr(node.params, name) for node in nodes)]


def _is_node_switch(name: str) -> bool:
    return name.startswith(("node_", "vip_", "haproxy_", "vector_"))


def _clusters(fleet: Fleet) -> dict[str, dict[str, int]]:
    """Clusters of modules with their numbers of hosts, by module."""
    found: dict[str, dict[str, int]] = {}
    for module, (variable, _) in MODULES.items():
        for node in fleet.nodes:
            if place := member(node, module):
                sizes = found.setdefault(variable.removesuffix("_cluster"), {})
                sizes[place.cluster] = sizes.get(place.cluster, 0) + 1
    return found


def _cluster_lines(clusters: dict[str, dict[str, int]]) -> list[str]:
    lines = []
    for module, sizes in clusters.items():
        shown = ", ".join(f"{name} ({size})" for name, size in list(sizes.items())[:4])
        lines.append(f"{module}: {shown}" + (f", … and {len(sizes) - 4} more" if len(sizes) > 4 else ""))
    return lines


def _block(problem: Problem, lines: _Lines) -> str:
    predicate = bool(problem.path) and problem.message.startswith(_PREDICATES)
    out = [f"{problem.severity}: " + (f"{problem.path} {problem.message}" if predicate else problem.message)]
    path = "" if predicate else problem.path
    notes = [
        (name, text) for name, text in (("path", path), ("found", problem.found), ("allowed", problem.allowed)) if text
    ]
    hint = f"did you mean {problem.nearest!r}?" if problem.nearest else ""
    position = problem.position
    if position is None:
        out += [f"  = {name}: {text}" for name, text in notes]
        out += [f"  = {hint}"] if hint else []
        return _printable("\n".join(out))
    number = str(position.line)
    gutter = " " * len(number)
    out.append(f"{gutter}--> {position}")
    source = lines.excerpt(position.line, position.column)
    if source is not None:
        line, before, width = source
        out += [f"{gutter} |", f"{number} | {line}", f"{gutter} | {before}{'^' * width} {hint}".rstrip()]
        hint = ""
    out += [f"{gutter} = {name}: {text}" for name, text in notes]
    out += [f"{gutter} = {hint}"] if hint else []
    return _printable("\n".join(out))


def without_secrets(text: str) -> list[str]:
    """The lines of an inventory with the secrets in them blotted out."""
    lines = _Lines(text)
    return [lines.whole(number) for number in range(1, len(lines.lines) + 1)]


class _Lines:
    """Source lines with the secrets in them blotted out."""

    def __init__(self, text: str) -> None:
        # As YAML counts lines; str.splitlines knows more line ends.
        self.lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text.removeprefix("\ufeff"))
        self.masks: dict[int, list[tuple[int, int]]] = {}
        tree, _ = document.parse(text.removeprefix("\ufeff"), "")
        if tree is None:
            self._guess_masks()
            return
        for start, end in spans(tree):
            for line in range(start.line, end.line + 1):
                first = start.column - 1 if line == start.line else 0
                last = end.column - 1 if line == end.line else len(self._line(line))
                if last > first:
                    self.masks.setdefault(line, []).append((first, last))

    def excerpt(self, number: int, column: int) -> tuple[str, str, int] | None:
        """The line, what to print before the caret, and the caret's width."""
        line = self._line(number)
        if not line.strip():
            return None
        start = min(column - 1, len(line))
        match = _TOKEN.match(line, start)
        stop = max(start + len(match[0].rstrip()) if match else start, start + 1)
        for first, last in sorted(self.masks.get(number, ()), reverse=True):
            line = line[:first] + HIDDEN + line[last:]
            grown = len(HIDDEN) - (last - first)
            if start >= last:
                start, stop = start + grown, stop + grown
            elif stop > first:
                start, stop = min(start, first), first + len(HIDDEN)
        if len(line) > _WIDTH:
            cut = max(0, min(start - _WIDTH // 2, len(line) - _WIDTH))
            line, start, stop = line[cut : cut + _WIDTH], start - cut, min(stop - cut, _WIDTH)
        before = "".join(char if char == "\t" else " " for char in line[:start])
        return line, before, max(stop - start, 1)

    def whole(self, number: int) -> str:
        """The line as it may be shown."""
        line = self._line(number)
        for first, last in sorted(self.masks.get(number, ()), reverse=True):
            line = line[:first] + HIDDEN + line[last:]
        return line

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def _guess_masks(self) -> None:
        """Without a tree: blot out whatever follows a key that looks secret, and all that is indented below it."""
        below: int | None = None
        for number, line in enumerate(self.lines, 1):
            indent = len(line) - len(line.lstrip())
            if below is not None and line.strip() and indent > below:
                self.masks[number] = [(indent, len(line))]
                continue
            below = None
            if match := next((m for m in _KEY.finditer(line) if _looks_secret(m[2])), None):
                self.masks[number] = [(match.end(), len(line))]
                below = indent
            elif match := re.search(r"[{,]\s*[\"']?([\w.-]+)[\"']?\s*:", line):
                hits = [m for m in re.finditer(r"[\"']?([\w.-]+)[\"']?\s*:", line) if _looks_secret(m[1])]
                if hits:
                    self.masks[number] = [(hits[0].end(), len(line))]
            if "://" in line and "@" in line:
                self.masks.setdefault(number, [(line.index("://"), len(line))])


def _looks_secret(name: str) -> bool:
    return is_secret(name) if name in FIELDS else bool(SECRET_KEY.search(name))


def _printable(text: str) -> str:
    # An inventory may hold escape sequences; a terminal must not obey them.
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
