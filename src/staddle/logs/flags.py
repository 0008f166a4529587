"""Go-style command-line flags: `-name=value`, `-name value`, `--name`, and from the environment with
`-envflag.enable`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staddle.logs.errors import FlagError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.ASCII)
_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0, "y": 365 * 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", re.ASCII)
_TRUE = {"1", "t", "true", "yes", "y", "on"}
_FALSE = {"0", "f", "false", "no", "n", "off"}


def parse_bool(text: str) -> bool:
    """`true`, `false` and their usual spellings."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("want true or false")


def parse_size(text: str) -> int:
    """`10MB`, `50GiB`, `1000`: bytes."""
    m = _SIZE.fullmatch(text.strip())
    if m is None:
        raise ValueError("want bytes such as 1000, 10MB or 50GiB")
    return int(float(m[1]) * _UNITS[m[2] or ""])


def parse_seconds(text: str) -> float:
    """`1h30m`, `5s`, `100ms`, `15d`; a bare number is seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError("want a duration such as 30s, 1h30m or 15d")
    return sum(float(n) * (0.001 if u == "ms" else _PERIODS[u]) for n, u in parts)


def parse_retention(text: str) -> float:
    """Like `parse_seconds`, but a bare number is months (31 days)."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text) * 31 * 86400
    return parse_seconds(text)


def parse_percent(text: str) -> float:
    """A number in (0, 100]."""
    value = float(text)
    if not 0 < value <= 100:
        raise ValueError("want a percentage in (0, 100]")
    return value


def split_address(address: str) -> tuple[str, int]:
    """`host:port`, `:port` or `[v6]:port`. Raises FlagError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise FlagError(f"bad address {address!r}: want HOST:PORT or :PORT")
    return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: `parse` turns its text into a value and raises ValueError with what is allowed. `many` may
    be repeated.
    """

    name: str
    default: str
    help: str
    parse: Any = str
    many: bool = False
    secret: bool = False


class Flags:
    """Parsed flags by name. Repeatable ones are lists."""

    def __init__(self, known: Sequence[Flag], args: Sequence[str], environment: Mapping[str, str]) -> None:
        self._known = {f.name: f for f in known}
        self.texts: dict[str, list[str]] = {}
        self._read(args)
        if self._flag_text("envflag.enable", "false").lower() in _TRUE:
            prefix = self._flag_text("envflag.prefix", "")
            for name in self._known:
                variable = prefix + name.replace(".", "_")
                if name not in self.texts and variable in environment:
                    self.texts[name] = [environment[variable]]
        self.values: dict[str, Any] = {name: self._value(flag) for name, flag in self._known.items()}

    def _read(self, args: Sequence[str]) -> None:
        i = 0
        while i < len(args):
            word = args[i]
            i += 1
            if not word.startswith("-") or word in {"-", "--"}:
                raise FlagError(
                    f"unexpected argument {word!r}; all settings are flags such as -storageDataPath=DIR (see -help)"
                )
            name, equals, text = word.lstrip("-").partition("=")
            flag = self._known.get(name)
            if flag is None:
                near = difflib.get_close_matches(name, self._known, n=1)
                hint = f"; did you mean -{near[0]}?" if near else " (see -help)"
                raise FlagError(f"unknown flag -{name}{hint}")
            if not equals:
                if flag.parse is parse_bool:
                    text = "true"
                elif i < len(args):
                    text = args[i]
                    i += 1
                else:
                    raise FlagError(f"flag -{name} needs a value")
            self.texts.setdefault(name, []).append(text)

    def _flag_text(self, name: str, default: str) -> str:
        return self.texts.get(name, [default])[-1]

    def _value(self, flag: Flag) -> Any:
        texts = self.texts.get(flag.name, [flag.default] if flag.default or not flag.many else [])
        try:
            if flag.many:
                return [flag.parse(t) for text in texts for t in _split(text)]
            return flag.parse(texts[-1])
        except ValueError as error:
            raise FlagError(f"bad value {texts[-1]!r} for flag -{flag.name}: {error}") from None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def describe(self) -> str:
        """All flags with their values, one per line, as `/flags` shows them."""
        lines = []
        for name in sorted(self._known):
            text = ",".join(self.texts.get(name, [self._known[name].default]))
            lines.append(f'-{name}="{"secret" if self._known[name].secret and text else text}"')
        return "\n".join(lines) + "\n"


def _split(text: str) -> list[str]:
    """Repeatable flags may also be given as one comma-separated list; commas in JSON don't count."""
    return [text] if text.lstrip().startswith(("[", "{")) else [t for t in text.split(",") if t]


def help_text(known: Sequence[Flag], usage: str) -> str:
    """What `-help` prints."""
    lines = [usage]
    for flag in sorted(known, key=lambda f: f.name.lower()):
        default = f" (default {flag.default})" if flag.default else ""
        lines.append(f"  -{flag.name}\n        {flag.help}{default}")
    return "\n".join(lines) + "\n"
