"""From YAML text to a Fleet, or to the list of everything that is wrong with it."""

from __future__ import annotations

import dataclasses
import ipaddress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from staddle.alerting import OwnRules
from staddle.errors import InventoryError, RuleError
from staddle.inventory import checks, document, secrets, shape as shapes
from staddle.inventory.document import Scalar, Table, plain, tree_of
from staddle.inventory.draft import Draft, Places
from staddle.inventory.fleet import Fleet, Node
from staddle.inventory.identity import DEFAULT_DOMAIN, node_identity, sibling
from staddle.inventory.parameters import Parameters
from staddle.inventory.parameters.values import is_host_name, is_ip
from staddle.inventory.placeholders import SOURCES, check as check_text, resolve, used
from staddle.inventory.problems import Position, Problem
from staddle.inventory.schema import ADDING_UP, FIELDS, kind_of_name
from staddle.inventory.shape import Setting
from staddle.inventory.validate import validate, without_effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.inventory.parameters import AlertSetting
    from staddle.inventory.secrets import WeakSecret
    from staddle.inventory.shape import Host, Shape

_DEFAULT_PG_VERSION = "18"
_INVALID = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A valid inventory: its Fleet, and what is questionable about it. `apply` refuses `weak_secrets`."""

    fleet: Fleet
    warnings: tuple[Problem, ...]
    weak_secrets: tuple[WeakSecret, ...]


def load_inventory(path: Path, *, strict: bool = False, defaults: Mapping[str, object] | None = None) -> Loaded:
    """The Fleet that a file describes. Raises InventoryError with every problem in it.

    `strict` makes warnings errors. `defaults` are parameters that stand in for the built-in defaults; anything in the
    file wins over them.
    """
    name = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InventoryError([Problem("error", f"can't be read: {error.strerror}", Position(name, 1, 1))]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem("error", "is not UTF-8 text", Position(name, line, 1), allowed="UTF-8")
        raise InventoryError([problem]) from error
    beside = _files_not_read(path, name)
    return _Loader(text, name, path.parent, strict=strict, defaults=defaults or {}, problems=beside).load()


def _files_not_read(path: Path, name: str) -> list[Problem]:
    # Ansible would read these; a parameter silently missing is worse than one that is refused.
    found = [directory for directory in ("group_vars", "host_vars") if path.with_name(directory).is_dir()]
    return [
        Problem("warning", f"directory {directory}/ beside the inventory is not read", Position(name, 1, 1))
        for directory in found
    ]


def parse_inventory(
    text: str, name: str = "inventory", *, strict: bool = False, defaults: Mapping[str, object] | None = None
) -> Loaded:
    """Like `load_inventory`, for text that is not in a file; `name` stands for it in messages, here is where it is."""
    return _Loader(text, name, Path(), strict=strict, defaults=defaults or {}, problems=[]).load()


class _Loader:
    """One load. Collects problems in `problems`, never the same one twice."""

    def __init__(
        self, text: str, name: str, home: Path, *, strict: bool, defaults: Mapping[str, object], problems: list[Problem]
    ) -> None:
        self.text, self.name, self.home, self.strict = text, name, home, strict
        self.problems: list[Problem] = []
        self.weak: list[WeakSecret] = []
        self._seen: set[tuple[object, ...]] = set()
        self._values: dict[tuple[int, tuple[str, ...]], Any] = {}
        self._used: dict[int, tuple[str, ...]] = {}
        self._sources: dict[tuple[int, ...], dict[str, str]] = {}
        self._params: dict[tuple[object, ...], Parameters] = {}
        self._extra: dict[int, Any] = {}
        self._sums: dict[tuple[int, ...], Any] = {}
        self._report(problems)
        given = {key: Setting(key, tree_of(value), f"defaults.{key}", None) for key, value in defaults.items()}
        self._base = {**_built_in(), **given}

    def load(self) -> Loaded:
        tree, problems = document.parse(self.text, self.name)
        self._report(problems)
        if tree is None and problems:
            raise InventoryError(self.problems)
        shape = shapes.read(tree, self.name)
        self._report(shape.problems)
        for setting in [*self._base.values(), *shape.settings]:
            self._judge(setting)
        drafts = self._drafts(shape)
        for setting in shape.settings:
            # Some settings never win, but their mistakes are mistakes all the same.
            self._value(setting, self._sources_of({**self._base, **self._globals(shape)}, _any_ip(drafts)))
        own_rules = self._own_rules(drafts)
        self._report(checks.run(drafts, shape, own_rules))
        return self._result(drafts, shape, own_rules or OwnRules())

    def _result(self, drafts: list[Draft], shape: Shape, own_rules: OwnRules) -> Loaded:
        self.problems.sort(key=lambda problem: (problem.position is not None, problem.position))
        if self.strict:
            self.problems = [dataclasses.replace(problem, severity="error") for problem in self.problems]
        if any(problem.is_error for problem in self.problems) or not drafts:
            raise InventoryError(self.problems)
        nodes = tuple(draft.node for draft in drafts)
        fleet = Fleet(nodes, nodes[0].params.admin_ip, self.name, self._everywhere(shape, drafts), own_rules)
        return Loaded(fleet, tuple(self.problems), tuple(self.weak))

    def _everywhere(self, shape: Shape, drafts: list[Draft]) -> Mapping[str, AlertSetting]:
        """What is set about alerts for the fleet as a whole."""
        settings = {**self._base, **self._globals(shape)}
        layers = [source["alert_rules"] for source in (self._base, self._globals(shape)) if "alert_rules" in source]
        total: Mapping[str, AlertSetting] = self._sum(layers, self._sources_of(settings, _any_ip(drafts)))
        return total

    def _own_rules(self, drafts: list[Draft]) -> OwnRules | None:
        """The rules of `alert_folder`; None if it can't be said what they are, which is a problem then."""
        found = {draft.node.params.alert_folder: draft for draft in drafts}
        if not any(found):
            return OwnRules()
        from staddle.alerting.own import read_own  # noqa: PLC0415 - few inventories have any

        if len(found) > 1:
            message, draft = "is not the same for all hosts", found[max(found)]
            self._report([draft.problem("error", "alert_folder", message, "one folder for the fleet")])
            return None
        ((folder, draft),) = found.items()
        try:
            return read_own(self.home / folder)
        except RuleError as error:
            self._report([draft.problem("error", "alert_folder", text, found=folder) for text in error.problems])
            return None

    def _report(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            key = (problem.position, problem.path, problem.message, problem.found)
            if key not in self._seen:
                self._seen.add(key)
                self.problems.append(problem)

    def _judge(self, setting: Setting) -> None:
        """Everything that can be said about a setting without knowing whose it is."""
        kind, near = kind_of_name(setting.name)
        if kind == "typo":
            self._report(
                [Problem("error", f"unknown parameter {setting.name!r}", setting.key, setting.path, nearest=near)]
            )
        elif kind == "renamed":
            message = f"{setting.name!r} has another name now"
            self._report([Problem("warning", message, setting.key, setting.path, nearest=near)])
        elif kind == "unknown":
            message = f"unknown parameter {setting.name!r}, kept but not used"
            self._report([Problem("warning", message, setting.key, setting.path)])
        weak = list(secrets.weak(setting))
        self.weak += weak
        message, allowed = "a well-known default password", "one of your own; `staddle init` generates some"
        self._report(Problem("warning", message, it.position or setting.key, it.path, allowed=allowed) for it in weak)
        if kind != "parameter":
            return
        self._used[id(setting)] = tuple(sorted(used(setting.tree)))
        if problems := check_text(setting):
            self._report(problems)
            self._values[id(setting), ()] = _INVALID
            self._used[id(setting)] = ()

    def _value(self, setting: Setting, sources: Mapping[str, str]) -> Any:
        """The validated value of a parameter's setting. Computed once per distinct set of placeholder values."""
        names = self._used.get(id(setting))
        if names is None:
            return None
        key = (id(setting), tuple(sources[name] for name in names))
        if key not in self._values:
            value, problems = validate(setting, resolve(setting.tree, sources) if names else setting.tree)
            # A built-in default is wrong only because of a value that is reported itself.
            self._report(problems if not setting.path.startswith("default.") else ())
            if not problems:
                self._report(without_effect(setting, value))
            self._values[key] = _INVALID if problems else value
        return self._values[key]

    def _drafts(self, shape: Shape) -> list[Draft]:
        known: dict[tuple[str, ...], dict[str, Setting]] = {}
        addresses: dict[str, Host] = {}
        hosts = [host for host in shape.hosts.values() if self._is_address(host, addresses)]
        merged = [(host, shapes.merged(shape, host, self._base, known)) for host in hosts]
        merged.sort(key=lambda pair: _by_address(pair[0].key))
        admin_ip = self._admin_ip(shape, merged)
        return [self._draft(shape, host, settings, admin_ip) for host, settings in merged]

    def _is_address(self, host: Host, addresses: dict[str, Host]) -> bool:
        if not is_ip(host.key):
            message = f"host key {host.key!r} is not an IP address"
            allowed = f"the host's address, with 'ansible_host: {host.key}' below it to connect by name"
            self._report([Problem("error", message, host.position, host.path, allowed=allowed)])
            return False
        canonical = str(ipaddress.ip_address(host.key))
        if canonical != host.key:
            message = f"host key {host.key!r} is not the usual form of the address"
            self._report([Problem("error", message, host.position, host.path, allowed=canonical)])
        return addresses.setdefault(canonical, host) is host

    def _admin_ip(self, shape: Shape, merged: list[tuple[Host, dict[str, Setting]]]) -> str:
        """The one `admin_ip` of the fleet: as set, else the first INFRA node, else the first node."""
        found: dict[str, Setting] = {}
        for _, settings in merged:
            setting = settings.get("admin_ip")
            if setting and isinstance(setting.tree, Scalar) and is_ip(str(setting.tree.data)):
                found.setdefault(setting.tree.data, setting)
        if len(found) > 1:
            first, second = list(found.values())[:2]
            message = f"differs from {first.path}"
            self._report(
                [Problem("error", message, second.tree.position, second.path, allowed="one value for all hosts")]
            )
        if found:
            return next(iter(found))
        infra = [(host, settings) for host, settings in merged if "infra" in shape.ancestry(host)]
        infra.sort(key=lambda pair: _number(pair[1].get("infra_seq")))
        return (infra or merged)[0][0].key if merged else ""

    def _plain(self, setting: Setting) -> Any:
        if id(setting) not in self._extra:
            self._extra[id(setting)] = plain(setting.tree)
        return self._extra[id(setting)]

    def _draft(self, shape: Shape, host: Host, settings: dict[str, Setting], admin_ip: str) -> Draft:
        sources = self._sources_of(settings, admin_ip)
        kinds = {name: kind_of_name(name)[0] for name in settings}
        found = {
            name: self._value(setting, sources) for name, setting in settings.items() if kinds[name] == "parameter"
        }
        for name in found.keys() & ADDING_UP:
            found[name] = self._sum(shapes.layers(shape, host, self._base, name), sources)
        broken = {name for name, value in found.items() if value is _INVALID}
        values = {name: value for name, value in found.items() if name not in broken}
        others = {name: self._plain(setting) for name, setting in settings.items() if kinds[name] != "parameter"}
        connection = {name: value for name, value in others.items() if kinds[name] == "connection"}
        extra = {name: value for name, value in others.items() if name not in connection}
        if "admin_ip" not in broken:
            values["admin_ip"] = admin_ip
        params = self._parameters(values)
        groups = tuple(name for name in shape.ancestry(host) if name != "all")
        name, cluster = node_identity(host.key, params, extra, infra="infra" in groups)
        node = Node(host.key, name, cluster, groups, params, extra, connection, Places(settings))
        return Draft(node, host, settings, frozenset(broken))

    def _sum(self, settings: Iterable[Setting], sources: Mapping[str, str]) -> Any:
        """What settings of one parameter add up to, weakest first: per key, what is set last."""
        values = [self._value(setting, sources) for setting in settings]
        if any(value is _INVALID for value in values):
            return _INVALID
        key = tuple(id(value) for value in values)
        if key not in self._sums:
            total: dict[str, BaseModel] = {}
            for name, record in (entry for value in values for entry in value.items()):
                known = total.get(name)
                given = {field: getattr(record, field) for field in record.model_fields_set}
                total[name] = known.model_copy(update=given) if known else record
            self._sums[key] = total
        return self._sums[key]

    def _parameters(self, values: dict[str, Any]) -> Parameters:
        # Nodes with the same values share them. `_values` keeps the values alive, so their ids stay unique.
        key = tuple((name, id(value)) if name != "admin_ip" else value for name, value in sorted(values.items()))
        if key not in self._params:
            self._params[key] = Parameters.model_construct(**values)
        return self._params[key]

    def _sources_of(self, settings: Mapping[str, Setting], admin_ip: str) -> dict[str, str]:
        """What each placeholder stands for, given a host's settings."""
        key = tuple(id(settings.get(name)) for name in (*SOURCES, "infra_portal"))
        if key not in self._sources:
            values = {name: _literal(settings.get(name), name) for name in SOURCES} | {"admin_ip": admin_ip}
            home = _home_domain(settings.get("infra_portal"), values)
            self._sources[key] = values | {
                "home_domain": home, "metrics_domain": sibling(home, "p"), "alerts_domain": sibling(home, "a"),
            }  # fmt: skip
        return self._sources[key]

    @staticmethod
    def _globals(shape: Shape) -> Mapping[str, Setting]:
        return shape.groups["all"].vars if "all" in shape.groups else {}


@cache
def _built_in() -> Mapping[str, Setting]:
    """The defaults that hold placeholders, as the weakest settings of all."""
    settings = {}
    for name, field in FIELDS.items():
        tree = tree_of(_bare(field.get_default(call_default_factory=True)))
        if used(tree):
            settings[name] = Setting(name, tree, f"default.{name}", None)
    return settings


def _bare(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items()}
    return None if isinstance(value, SecretStr) else value


def _literal(setting: Setting | None, name: str) -> str:
    if setting and isinstance(setting.tree, Scalar) and isinstance(setting.tree.data, str | int | float):
        return str(setting.tree.data)
    field = FIELDS.get(name)
    return str(field.get_default(call_default_factory=True)) if field else _DEFAULT_PG_VERSION


def _home_domain(setting: Setting | None, values: Mapping[str, str]) -> str:
    tree = setting.tree if setting else None
    for key in ("home", "domain"):
        tree = tree.items.get(key) if isinstance(tree, Table) else None
    domain = str(plain(resolve(tree, values))) if isinstance(tree, Scalar) else ""
    return domain if is_host_name(domain) else DEFAULT_DOMAIN


def _any_ip(drafts: list[Draft]) -> str:
    return drafts[0].node.params.admin_ip if drafts else "127.0.0.1"


def _number(setting: Setting | None) -> int:
    data = setting.tree.data if setting and isinstance(setting.tree, Scalar) else None
    return data if isinstance(data, int) else 2**31


def _by_address(key: str) -> tuple[int, int]:
    address = ipaddress.ip_address(key)
    return address.version, int(address)
