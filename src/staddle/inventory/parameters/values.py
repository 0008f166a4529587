"""The value types of parameters: text that is checked once and keeps the form in which it was written."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12} | {
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40
}  # fmt: skip
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?(?:ms|[smhdwy]))+", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?i?B?)", re.IGNORECASE | re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE | re.ASCII)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+", re.ASCII)
_ALIAS = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


def refuse(allowed: str, message: str = "is not valid") -> PydanticCustomError:
    """The error a validator raises: what is wrong with the value, and what would be accepted."""
    return PydanticCustomError("staddle", "{message}", {"message": message, "allowed": allowed})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is called in the reference, where its Python type says too little."""

    name: str


class Duration(str):
    """A length of time as written (`15d`, `1h30m`), with its length in `seconds`."""

    __slots__ = ()
    ALLOWED = "a number with a unit, as in 30s, 10m, 12h or 397d"

    def __new__(cls, text: str) -> Self:
        """Raises ValueError on anything but numbers with units."""
        if not _DURATION.fullmatch(text):
            raise ValueError(f"not a duration: {text!r}")
        return super().__new__(cls, text)

    @property
    def seconds(self) -> float:
        parts = re.findall(r"([\d.]+)(ms|[smhdwy])", self)
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)

    @classmethod
    def _read(cls, value: object) -> Self:
        if not isinstance(value, str) or not _DURATION.fullmatch(value):
            raise refuse(cls.ALLOWED, "is not a duration")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._read)


class Size(str):
    """An amount of data as written (`50GiB`, `512MB`), with its number of `bytes`."""

    __slots__ = ()
    ALLOWED = "a number with a unit, as in 512MB or 50GiB"

    def __new__(cls, text: str) -> Self:
        """Raises ValueError on anything but a number with a unit."""
        if not _SIZE.fullmatch(text):
            raise ValueError(f"not a size: {text!r}")
        return super().__new__(cls, text)

    @property
    def bytes(self) -> int:
        match = _SIZE.fullmatch(self)
        if match is None:  # pragma: no cover - __new__ has checked it
            raise ValueError(self)
        unit = match[2].lower()
        return int(float(match[1]) * _BYTES[unit if unit.endswith("b") or not unit else unit + "b"])

    @classmethod
    def _read(cls, value: object) -> Self:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _SIZE.fullmatch(text):
            raise refuse(cls.ALLOWED, "is not a size")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._read)


def _no_bool(value: object) -> object:
    # bool is an int to Python, but `nginx_port: yes` is a mistake.
    if isinstance(value, bool):
        raise refuse("a number", "is not a number")
    return value


def _between(low: int, high: int) -> AfterValidator:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise refuse(f"{low} to {high}", "is out of range")
        return value

    return AfterValidator(check)


def _option(value: object) -> object:
    # Options of package sources are 0 and 1 in their own language.
    return str(int(value)) if isinstance(value, bool) else _text(value)


def _or_empty(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda value: check(value) if value else value)


def _text(value: object) -> object:
    # YAML reads 1.5 or 42 as numbers where plain text was meant.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _off(value: object) -> object:
    # YAML 1.1 reads a bare `off` as false.
    return "off" if value is False else value


def _ip(value: str) -> str:
    if not is_ip(value):
        raise refuse("an IPv4 or IPv6 address", "is not an IP address")
    return value


def _interface(value: str) -> str:
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        raise refuse("an IP address, as in 10.10.10.2 or 10.10.10.2/24", "is not an IP address") from None
    return value


def _host(value: str) -> str:
    if not (is_ip(value) or is_host_name(value)):
        raise refuse("a host name or an IP address", "is not a host")
    return value


def _name_target(value: str) -> str:
    if value not in {"auto", "primary", "vip", "none"} and not is_ip(value):
        raise refuse("auto, primary, vip, none, or an IP address", "is not what a cluster's name can lead to")
    return value


def _suffix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]*[A-Za-z0-9]", value, re.ASCII):
        raise refuse("letters, digits, '.' and '-', as in .pg", "can't end a host name")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise refuse("a network, as in 10.0.0.0/8", "is not a network") from None
    return value


def _domain(value: str) -> str:
    if not is_host_name(value.removeprefix("*.")):
        raise refuse("a host name, as in i.staddle", "is not a host name")
    return value


def _path(value: str) -> str:
    # Paths end up in configurations of many languages; none of them gives these characters a meaning.
    if not re.fullmatch(r"/[\w./@+:,~=-]*", value) or ".." in value.split("/"):
        raise refuse("an absolute path of plain characters, without '..'", "is not an absolute path")
    return value


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise refuse("letters, digits, '.', '_' and '-'", "is not a plain name")
    return value


def _endpoint(value: str) -> str:
    allowed = "host:port, as in 10.10.10.10:9001"
    if "://" in value:
        raise refuse(allowed, "has a scheme, which belongs under the key 'scheme'")
    host, colon, port = value.rpartition(":")
    if not colon or not is_port(port):
        raise refuse(allowed, "has no valid port")
    literal = host[1:-1] if host.startswith("[") and host.endswith("]") else ""
    if literal and is_ip(literal):
        if ipaddress.ip_address(literal).is_unspecified:
            raise refuse(allowed, "can't be connected to")
        return value
    if is_ip(host) and ":" not in host:
        if ipaddress.ip_address(host).is_unspecified:
            raise refuse(allowed, "can't be connected to")
        return value
    if re.fullmatch(r"[\d.]+", host) or not _HOST_NAME.fullmatch(host):
        raise refuse(f"{allowed}; IPv6 in brackets" if ":" in host else allowed, "has no valid host")
    return value


def _hosts_line(value: str) -> str:
    allowed = "an address and names, as in '10.10.10.10 i.staddle'"
    words = value.partition("#")[0].split()
    if len(words) < 2:
        raise refuse(allowed, "is not a line of a hosts file")
    if not is_ip(words[0]):
        raise refuse(allowed, f"starts with {words[0]!r}, which is not an IP address")
    for name in words[1:]:
        if not _HOST_NAME.fullmatch(name):
            raise refuse(allowed, f"holds {name!r}, which is not a host name")
    return value


def _ntp_line(value: str) -> str:
    words = value.split()
    if len(words) < 2 or words[0] not in {"server", "pool", "peer", "refclock"}:
        raise refuse("a line of chrony's, as in 'server 10.10.10.10 iburst'", "is not a time source")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+\S*", value, re.ASCII):
        raise refuse("a URL that starts with http:// or https://", "is not a URL")
    return value


def _fingerprint(value: str) -> str:
    found = re.sub(r"\s", "", value).upper()
    if not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", found):
        raise refuse("the 40 hexadecimal digits of a key's fingerprint", "is not a fingerprint")
    return found


def _file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[\w.+~-]|\$\{\w+\})*", value, re.ASCII):
        raise refuse("letters, digits, '.', '_', '+', '~' and '-'", "is not a plain file name")
    return value


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise refuse("64 hexadecimal digits in lower case", "is not a SHA-256")
    return value


def _csv(value: object) -> object:
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


def _package_names(value: object) -> object:
    """Elements may hold several names, with commas or spaces between them."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    return [name for item in value for name in re.split(r"[,\s]+", item) if name]


def _package_name(value: str) -> str:
    if not _PACKAGE.fullmatch(value):
        raise refuse("a name such as openssh-server: small letters, digits and + - .", "is not the name of a package")
    return value


def _alias(value: str) -> str:
    if not _ALIAS.fullmatch(value):
        raise refuse("letters, digits and _ - .", "is not a name that a shell knows as an alias")
    return value


def is_ip(text: str) -> bool:
    """Whether text is an IPv4 or IPv6 address (without zone or prefix)."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_host_name(text: str) -> bool:
    """Whether text is a host name, as in DNS."""
    return _HOST_NAME.fullmatch(text) is not None and len(text) <= 253


def is_port(text: str) -> bool:
    """Whether text is a port number that can be connected to."""
    return re.fullmatch(r"\d{1,5}", text, re.ASCII) is not None and 1 <= int(text) <= 65_535


def _ratio(value: float) -> float:
    if not 0 <= value <= 1:
        raise refuse("0 to 1", "is out of range")
    return value


Number = Annotated[int, BeforeValidator(_no_bool), Kind("integer")]
Count = Annotated[int, BeforeValidator(_no_bool), _between(0, 2**31 - 1), Kind("integer")]
Port = Annotated[int, BeforeValidator(_no_bool), _between(1, 65_535), Kind("port")]
RouterId = Annotated[int, BeforeValidator(_no_bool), _between(1, 254), Kind("integer")]
Ratio = Annotated[float, BeforeValidator(_no_bool), AfterValidator(_ratio), Kind("fraction")]
Text = Annotated[str, BeforeValidator(_text), Kind("text")]
OptionText = Annotated[str, BeforeValidator(_option), Kind("text")]
Off = BeforeValidator(_off)
Network = Annotated[str, AfterValidator(_network), Kind("network")]
Domain = Annotated[str, AfterValidator(_domain), Kind("host name")]
AbsolutePath = Annotated[str, AfterValidator(_path), Kind("path")]
Word = Annotated[str, AfterValidator(_word), Kind("name")]
Endpoint = Annotated[str, AfterValidator(_endpoint), Kind("host:port")]
HostsLine = Annotated[str, AfterValidator(_hosts_line), Kind("hosts line")]
NtpLine = Annotated[str, AfterValidator(_ntp_line), Kind("time source")]
Fingerprint = Annotated[str, BeforeValidator(_text), AfterValidator(_fingerprint), Kind("fingerprint")]
FileName = Annotated[str, AfterValidator(_file_name), Kind("file name")]
Sha256 = Annotated[str, AfterValidator(_sha256), Kind("SHA-256")]
IpAddress = Annotated[str, AfterValidator(_ip), Kind("address")]
# These may be left empty, which means "not given" or "derived".
AnyIpAddress = Annotated[str, _or_empty(_ip), Kind("address")]
AnyIpInterface = Annotated[str, _or_empty(_interface), Kind("address")]
AnyHost = Annotated[str, _or_empty(_host), Kind("host name or address")]
AnySuffix = Annotated[str, _or_empty(_suffix), Kind("end of a host name")]
NameTarget = Annotated[str, AfterValidator(_name_target), Kind("`auto`, `primary`, `vip`, `none` or address")]
AnyDomain = Annotated[str, _or_empty(_domain), Kind("host name")]
AnyPath = Annotated[str, _or_empty(_path), Kind("path")]
AnyWord = Annotated[str, _or_empty(_word), Kind("name")]
AnyUrl = Annotated[str, _or_empty(_url), Kind("URL")]
Csv = Annotated[list[Word], BeforeValidator(_csv), Kind("names, as a list or with commas")]
Alias = Annotated[str, AfterValidator(_alias), Kind("alias")]
PackageName = Annotated[str, AfterValidator(_package_name), Kind("package")]
PackageNames = Annotated[list[PackageName], BeforeValidator(_package_names), Kind("packages")]
