"""What can't be computed from the inventory alone: certificates, keys, passwords, the repository. Made on the ADMIN node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.components.node_repo.sources import Source
    from staddle.pki.ssh import SshIdentity

Role = Literal["node", "infra"]
"""What a machine may be among machines: any node, or one that provides the foundation. Each role has a CA of its own."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A certificate for a node. `days` is its whole life.

    It is issued by the CA, for servers that people and programs trust; or, with a role, by the CA of that role, for machines
    that show each other who they are.
    """

    name: str
    common_name: str
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    days: int
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate (with its chain) and its private key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Repository:
    """The package repository that the ADMIN node has: its `id`, its public `key` (armoured OpenPGP), and where it is there.

    For real hosts, `main` and `shards` are the addresses of the trees that it is sent as.
    """

    id: str
    key: str
    link: str
    main: str = ""
    shards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """What can't be computed from the inventory alone: made once on the ADMIN node, then an input of compile.

    `certificates` is keyed by (node ip, request name); `password_hashes` by portal user; `templates` are the user's own
    for the portal, by file name. `admin_keys` are the SSH keys of those who run Staddle; `repo_key` is what packages of
    the local repository are trusted by (armoured OpenPGP; empty: there is no repository yet), `repository` is that itself.
    `sources` are the upstreams that nodes use, by node ip and module; `ssh_ca` and `ssh` are what administrators log in
    from node to node with: the CA (one line), and the identity of each node. `machine_cas` are the certificates of the
    machines' CAs, by role. `secrets` are those that components asked for and that the inventory doesn't name.
    """

    ca_certificate: bytes
    certificates: Mapping[tuple[str, str], KeyPair] = field(default_factory=dict)
    password_hashes: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    admin_keys: tuple[str, ...] = ()
    repo_key: str = ""
    repository: Repository | None = None
    sources: Mapping[str, Mapping[str, tuple[Source, ...]]] = field(default_factory=dict)
    ssh_ca: str = ""
    ssh: Mapping[str, SshIdentity] = field(default_factory=dict)
    machine_cas: Mapping[Role, bytes] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
