"""`${admin_ip}` and its like: text in a parameter that stands for another value.

Resolved once, wherever a parameter is set and however deep, so that no component ever sees one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.inventory.document import Items, Scalar, Table, walk
from staddle.inventory.nearest import nearest
from staddle.inventory.problems import Problem
from staddle.inventory.schema import is_secret, param_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.document import Tree
    from staddle.inventory.shape import Setting

# Parameters whose value may be named in others. They must not hold placeholders themselves: no cycles.
SOURCES = (
    "admin_ip", "region", "version", "language", "repo_name", "nginx_port", "nginx_ssl_port", "nginx_home",
    "infra_data", "node_data", "pg_version",
)  # fmt: skip
# Derived from the domain of the portal's home entry.
DOMAINS = ("home_domain", "metrics_domain", "alerts_domain")
NAMES = (*SOURCES, *DOMAINS)
# Known only on the host that installs packages.
TARGET_TOKENS = ("distro_codename", "distro_name", "arch", "os", "releasever", "basearch")

_PLACEHOLDER = re.compile(r"\$\{([^{}$\n]*)\}")
_TEMPLATE = re.compile(r"\{\{|\{%")


def used(tree: Tree) -> frozenset[str]:
    """The known placeholders in a tree."""
    return frozenset(
        name
        for _, scalar in walk(tree)
        if isinstance(scalar.data, str) and "${" in scalar.data
        for name in _PLACEHOLDER.findall(scalar.data)
        if name in NAMES
    )


def check(setting: Setting) -> list[Problem]:
    """What can't be resolved in a known parameter: unknown placeholders, Jinja templates, encrypted values."""
    problems = []
    for path, scalar in walk(setting.tree):
        if not isinstance(scalar.data, str):
            continue
        where = dotted(setting.path, path)
        if scalar.kind == "vault":
            problems.append(
                Problem("error", "is encrypted with ansible-vault, which Staddle can't read", scalar.position, where,
                        allowed="the plain value, in an inventory that only you can read")
            )  # fmt: skip
        elif scalar.kind == "plain" and _TEMPLATE.search(scalar.data):
            problems.append(
                Problem("error", "holds a Jinja template, which Staddle does not evaluate", scalar.position, where,
                        allowed=f"a value, with placeholders such as ${{{NAMES[0]}}}; or !unsafe for literal braces")
            )  # fmt: skip
        elif "${" in scalar.data:
            problems += _unknown(setting.name, path, scalar, where)
    return problems


def _unknown(name: str, path: tuple[object, ...], scalar: Scalar, where: str) -> list[Problem]:
    param = param_at(name, path)
    if is_secret(name, path):
        # A password may hold any text, and no part of it belongs in a message.
        return []
    problems = []
    for found in _PLACEHOLDER.findall(scalar.data):
        if found in NAMES and name in SOURCES:
            message = f"holds ${{{found}}}, but other parameters refer to this one"
            problems.append(Problem("error", message, scalar.position, where, allowed="a literal value"))
        if found in DOMAINS and name == "infra_portal" and path[:2] == ("home", "domain"):
            message = f"holds ${{{found}}}, which is derived from it"
            problems.append(Problem("error", message, scalar.position, where, allowed="a literal value"))
        if found in NAMES or (param.tokens and found in TARGET_TOKENS):
            continue
        known = (*NAMES, *TARGET_TOKENS) if param.tokens else NAMES
        near = nearest(found, known)
        if param.foreign and near is None:
            continue
        allowed = ", ".join(known)
        message = f"unknown placeholder ${{{found}}}"
        if found in TARGET_TOKENS:
            message = f"${{{found}}} is known only to parameters about packages"
        problems.append(Problem("error", message, scalar.position, where, f"${{{found}}}", allowed, near))
    return problems


def resolve(tree: Tree, values: Mapping[str, str]) -> Tree:
    """The tree with known placeholders replaced; what is not in values stays."""
    if isinstance(tree, Scalar):
        if not isinstance(tree.data, str) or "${" not in tree.data:
            return tree
        text = _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), tree.data)
        return Scalar(text, tree.position, tree.end, tree.kind)
    if isinstance(tree, Items):
        return Items([resolve(item, values) for item in tree.items], tree.position)
    return Table({key: resolve(item, values) for key, item in tree.items.items()}, tree.position, tree.keys)


def dotted(base: str, path: tuple[object, ...]) -> str:
    """`base` with the keys and indexes of path appended: `dns_records[0]`, `infra_portal.home.domain`."""
    return base + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
