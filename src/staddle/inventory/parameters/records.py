"""Structured values: portal entries, service cards, package sources, probe targets."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from staddle.inventory.parameters.declare import Param, Record
from staddle.inventory.parameters.values import (
    AbsolutePath,
    AnyDomain,
    Domain,
    Endpoint,
    FileName,
    Fingerprint,
    Number,
    Off,
    OptionText,
    Sha256,
    Text,
    Word,
)


class PortalEntry(Record):
    """One server of the portal: the home page, a directory, or a program behind it."""

    domain: Annotated[AnyDomain, Param("Primary server name, also a name in the certificate.")] = ""
    domains: Annotated[list[Domain], Param("Further server names.")] = Field(default_factory=list)
    endpoint: Annotated[Endpoint | None, Param("host:port of the program to forward to.")] = None
    path: Annotated[AbsolutePath | None, Param("Directory to serve.")] = None
    scheme: Annotated[Literal["http", "https"], Param("Protocol of the endpoint.")] = "http"
    websocket: Annotated[bool, Param("Forward WebSocket connections.")] = False
    index: Annotated[bool | None, Param("List directories. Unset: on for home, off elsewhere.")] = None
    certbot: Annotated[Word | None, Param("Name of the ACME certificate; entries may share one.")] = None
    cert: Annotated[AbsolutePath | None, Param("Certificate file, together with `key`.")] = None
    key: Annotated[AbsolutePath | None, Param("Key file, together with `cert`.")] = None
    enforce_https: Annotated[bool, Param("Serve over HTTPS only and redirect plain HTTP to it.")] = False
    auth: Annotated[
        bool | None,
        Param(
            "Ask for a user of `nginx_users`. Unset: on for home on real hosts with `infra_expose: portal`, off elsewhere."
            " Off for home there: only what changes something asks."
        ),
    ] = None
    realm: Annotated[str, Param("Text of the log-in prompt.")] = "Authentication required"
    log: Annotated[Word | None, Param("File name of an access log of its own.")] = None
    config: Annotated[str, Param("nginx directives for the end of the server block.", foreign=True)] = ""
    conf: Annotated[Word | None, Param("Name of a template that replaces the built-in one.")] = None


class ServiceCard(Record):
    """One card of the home page."""

    name: Annotated[str, Param("Title.")]
    url: Annotated[str, Param("Where it leads: a path on the portal, or a URL.")]
    desc: Annotated[str, Param("One line below the title.")] = ""
    icon: Annotated[str, Param("Keyword of the icon.")] = ""
    name_cn: Annotated[str, Param("Title in Chinese.")] = ""
    desc_cn: Annotated[str, Param("Line in Chinese.")] = ""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class RepoUpstream(Record):
    """One package source that the local repository is built from."""

    name: Annotated[Word, Param("Identifier of the source.")]
    description: Annotated[str, Param("Label.")] = ""
    module: Annotated[Word, Param("Tag by which `repo_modules` selects it.")] = "extra"
    releases: Annotated[list[Number], Param("Major OS versions it serves.")] = Field(default_factory=list)
    arch: Annotated[list[Word], Param("Machine architectures it serves.")] = Field(default_factory=list)
    baseurl: Annotated[dict[str, str], Param("URL by region; `default` serves the others.", tokens=True)] = Field(
        default_factory=dict
    )
    meta: Annotated[dict[str, OptionText], Param("Further options of an rpm source.")] = Field(default_factory=dict)
    minor: Annotated[bool, Param("Use the full OS version in the URL.")] = False
    verify: Annotated[
        Literal["metadata", "packages", "off"] | None,
        Off,
        Param(
            "What is signed: the index, or (RPM) every package; `off` takes all as it is. Unset: as known for that source,"
            " else the index."
        ),
    ] = None
    keys: Annotated[
        list[Fingerprint], Param("Fingerprints of the keys it signs with. Unset: as known for that source.")
    ] = Field(default_factory=list)
    key_url: Annotated[
        list[Text],
        BeforeValidator(_listed),
        Param("Where the keys are: URLs, or files of the ADMIN node.", tokens=True),
    ] = Field(default_factory=list)


def _bare_url(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class UrlPackage(Record):
    """A file to download into the local repository."""

    name: Annotated[FileName | None, Param("File name. Unset: as in the URL.", tokens=True)] = None
    url: Annotated[str, Param("Where it is.", tokens=True)]
    programs: Annotated[
        dict[str, Word],
        Param(
            "The URL is that of a release archive: programs in it, and what they're called in `/usr/bin` of the package."
        ),
    ] = Field(default_factory=dict)
    sha256: Annotated[
        Sha256 | None, Param("What its content must be. Unset: what it was the first time, as the lock has it.")
    ] = None


UrlOrPackage = Annotated[UrlPackage, BeforeValidator(_bare_url)]


class ProbeTarget(Record):
    """Something that the blackbox exporter probes."""

    name: Annotated[Word, Param("Instance label; unique.")]
    module: Annotated[
        Literal["icmp", "tcp_connect", "http_2xx", "http_post_2xx", "dns"], Param("How it is probed.")
    ] = "http_2xx"
    target: Annotated[str, Param("URL, host:port or address, as the module asks for.")]
    cluster: Annotated[Word | None, Param("Cluster label. Unset: the name.")] = None
