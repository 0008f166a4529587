"""The manifest as converge reads it: plain data in, checked and typed objects out.

The compile side (`staddle.manifest`) is not imported: this module runs on hosts that have nothing but Python. What it
accepts is exactly what `staddle.manifest.canonical.to_data` writes; anything else is a `ManifestError` that says
where and what.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .reader import ManifestError, Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
KINDS = ("directory", "file", "section", "symlink")
ON_CHANGE = ("restart", "reload", "none")


@dataclass(frozen=True)
class Resource:
    """A file, directory or symlink that must exist. Fields that don't belong to its kind are None.

    A `section` is a part of a file that others write, too. Once its place is known it is a file with `section` set:
    `content_sha256` is the section's own content, `sha256` that of the whole file (`sections.py`). Likewise with an
    `initial` content, which is for where there is no file.
    """

    kind: str
    path: str
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    on_change: str = "none"
    secret: bool = False
    origin: str | None = None
    sha256: str | None = None
    target: str | None = None
    section: str | None = None
    content_sha256: str | None = None
    initial: bool = False


@dataclass(frozen=True)
class Package:
    """A distribution package that must be installed, in this version or a newer one if `minimum` is given."""

    name: str
    minimum: str | None = None


@dataclass(frozen=True)
class Tree:
    """A directory of files that comes as an archive: `sha256` is that of its listing (`trees.py`), `origin` says what it is.

    With `python`, that interpreter makes byte code of what is in it.
    """

    path: str
    sha256: str
    origin: str
    python: str | None = None


@dataclass(frozen=True)
class Offers:
    """Packages that the ADMIN node can send: an index of them as apt has it, and the SHA-256 of each one's file.

    `only`: the host's own sources are not asked for anything.
    """

    index: str
    files: Mapping[str, str]
    only: bool = False


@dataclass(frozen=True)
class Account:
    """A `user` or `group` that must exist. What there is already is left as it is, but for a user's further `groups`."""

    kind: str
    name: str
    uid: int | None = None
    group: str | None = None
    groups: tuple[str, ...] = ()
    home: str | None = None
    shell: str | None = None
    system: bool = True


@dataclass(frozen=True)
class Command:
    """What makes the block's files take effect: run after one of them changed, or when `check` does not exit with 0."""

    name: str
    argv: tuple[str, ...]
    check: tuple[str, ...] | None
    timeout: float
    undo: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Validator:
    """A program that judges the staged files; exit status 0 accepts. The verdict of one that is `provisional` may be
    another by the time of a run: in check mode it is only told.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    timeout: float
    provisional: bool = False


@dataclass(frozen=True)
class Health:
    """One protocol check. Which of the fields are set depends on `kind`: http, dns or ntp."""

    kind: str
    url: str = ""
    status: int = 200
    contains: str | None = None
    certificate: str | None = None
    key: str | None = None
    address: str = ""
    port: int = 0
    name: str = ""
    answer: str | None = None


@dataclass(frozen=True)
class Service:
    """The long-running program of a block."""

    name: str
    definition: str
    health: Health
    reload_signal: str | None
    health_timeout: float
    stop_timeout: float


@dataclass(frozen=True)
class Block:
    """One component. `data` is its plain form, kept in the ledger so that a generation can be brought back.

    `lacking` says why the ADMIN node could not say what the component shall be: it fails, and stays as it is.
    """

    component: str
    phase: str
    resources: tuple[Resource, ...]
    validators: tuple[Validator, ...]
    service: Service | None
    data: Mapping[str, Any]
    packages: tuple[Package, ...] = ()
    trees: tuple[Tree, ...] = ()
    accounts: tuple[Account, ...] = ()
    commands: tuple[Command, ...] = ()
    displaces: tuple[str, ...] = ()
    lacking: str | None = None


@dataclass(frozen=True)
class Manager:
    """Which service manager, and where its socket is (supervisor only)."""

    kind: str
    socket: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The desired state of this host. `blobs` holds every file content by SHA-256, `digest` is the address of it all."""

    node: str
    state: str
    log_dir: str
    manager: Manager
    blocks: tuple[Block, ...]
    blobs: dict[str, bytes]
    digest: str
    offers: Offers | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def parse(data: Any) -> Manifest:
    """Plain data → Manifest. Raises ManifestError with the dotted path of the first thing that is wrong."""
    top = Reader(data, "")
    if top.data.get("format") != FORMAT:
        raise ManifestError(
            f"manifest format {top.data.get('format')!r} is not known here (this converge reads format {FORMAT}):"
            " use the converge that came with the program which compiled it"
        )
    blobs = _blobs(top.object("blobs"))
    manager = top.object("manager")
    kind = manager.choice("kind", ("supervisor", "systemd"))
    socket = manager.path("socket") if kind == "supervisor" else None
    blocks = tuple(_block(reader, blobs) for reader in top.objects("blocks"))
    _check_unique(blocks)
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    return Manifest(
        node=top.text("node"),
        state=top.path("state"),
        log_dir=top.path("log_dir"),
        manager=Manager(kind, socket),
        blocks=blocks,
        blobs=blobs,
        digest=hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        offers=_offers(top.object("offers")) if "offers" in top.data else None,
        environment=_environment(top),
    )


def _offers(reader: Reader) -> Offers:
    files = reader.object("files")
    return Offers(reader.text("index"), {name: files.name(name) for name in files.data}, reader.flag("only"))


def parse_commands(data: Any) -> tuple[Command, ...]:
    """The commands of a block in plain form, as the ledger keeps it."""
    return tuple(_command(item) for item in Reader(data, "block").optional_objects("commands"))


def parse_block(data: Any) -> Block:
    """One block in plain form, as the ledger keeps it (its contents live in the ledger's own store)."""
    return _block(Reader(data, "block"), None)


def _blobs(reader: Reader) -> dict[str, bytes]:
    blobs: dict[str, bytes] = {}
    for sha256 in reader.data:
        try:
            content = base64.b64decode(reader.data[sha256], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise reader.fail(sha256, "base64 text") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ManifestError(
                f"{reader.at(sha256)}: the content does not have this SHA-256; was it damaged on the way?"
            )
        blobs[sha256] = content
    return blobs


def _block(reader: Reader, blobs: Mapping[str, bytes] | None) -> Block:
    resources = tuple(_resource(item, blobs) for item in reader.objects("resources"))
    service = _service(reader.object("service")) if reader.data.get("service") is not None else None
    return Block(
        component=reader.name("component"),
        phase=str(reader.data.get("phase") or ""),
        resources=resources,
        validators=tuple(_validator(item) for item in reader.objects("validators")),
        service=service,
        data=reader.data,
        packages=tuple(
            Package(item.name("name"), item.optional_text("minimum")) for item in reader.optional_objects("packages")
        ),
        trees=tuple(_tree(item) for item in reader.optional_objects("trees")),
        accounts=tuple(_account(item) for item in reader.optional_objects("accounts")),
        commands=tuple(_command(item) for item in reader.optional_objects("commands")),
        displaces=reader.texts("displaces") if "displaces" in reader.data else (),
        lacking=reader.optional_text("lacking"),
    )


def _tree(reader: Reader) -> Tree:
    sha256 = reader.name("sha256")
    return Tree(reader.path("path"), sha256, reader.text("origin"), reader.optional_text("python"))


def _account(reader: Reader) -> Account:
    kind, name = reader.choice("kind", ("group", "user")), reader.name("name")
    if kind == "group":
        return Account(kind, name)
    return Account(
        kind,
        name,
        uid=None if reader.data.get("uid") is None else reader.integer("uid", 0, 2**31),
        group=reader.optional_text("group"),
        groups=reader.texts("groups"),
        home=reader.path("home"),
        shell=reader.path("shell"),
        system=reader.flag("system"),
    )


def _command(reader: Reader) -> Command:
    argv = reader.texts("argv")
    if not argv:
        raise reader.fail("argv", "a non-empty list of strings")
    check = reader.texts("check") if reader.data.get("check") is not None else None
    undo = reader.texts("undo") if reader.data.get("undo") is not None else None
    return Command(reader.name("name"), argv, check, reader.seconds("timeout"), undo)


def _resource(reader: Reader, blobs: Mapping[str, bytes] | None) -> Resource:
    kind = reader.choice("kind", KINDS)
    path = reader.path("path")
    if kind == "symlink":
        on_change = reader.choice("on_change", ON_CHANGE)
        return Resource(kind, path, on_change=on_change, target=reader.text("target"))
    owner, group = reader.optional_text("owner"), reader.optional_text("group")
    if kind == "directory":
        any_mode = "mode" in reader.data and reader.data["mode"] is None
        return Resource(kind, path, None if any_mode else reader.integer("mode", 0, 0o7777), owner, group)
    mode = reader.integer("mode", 0, 0o7777)
    sha256 = reader.text("sha256")
    if blobs is not None and sha256 not in blobs:
        raise ManifestError(f"{reader.at('sha256')}: no content {sha256} in blobs")
    return Resource(
        kind,
        path,
        mode,
        owner,
        group,
        on_change=reader.choice("on_change", ON_CHANGE),
        secret=reader.flag("secret"),
        origin=reader.optional_text("origin"),
        sha256=sha256,
        section=reader.name("section") if kind == "section" else None,
        content_sha256=sha256 if kind == "section" or reader.flag("initial") else None,
        initial=reader.flag("initial"),
    )


def _environment(reader: Reader) -> dict[str, str]:
    found: dict[str, str] = reader.object("environment").data if "environment" in reader.data else {}
    if not all(isinstance(value, str) for value in found.values()):
        raise reader.fail("environment", "strings")
    return found


def _validator(reader: Reader) -> Validator:
    argv = reader.items("argv")
    environment = _environment(reader)
    if not argv or not all(isinstance(word, str) for word in argv):
        raise reader.fail("argv", "a non-empty list of strings")
    return Validator(
        reader.text("name"), tuple(argv), environment, reader.seconds("timeout"), reader.flag("provisional")
    )


def _service(reader: Reader) -> Service:
    return Service(
        name=reader.name("name"),
        definition=reader.path("definition"),
        health=_health(reader.object("health")),
        reload_signal=reader.optional_text("reload_signal"),
        health_timeout=reader.seconds("health_timeout"),
        stop_timeout=reader.seconds("stop_timeout"),
    )


def _health(reader: Reader) -> Health:
    kind = reader.choice("kind", ("http", "dns", "ntp"))
    if kind == "http":
        url = reader.text("url")
        if not url.startswith(("http://", "https://")):
            raise reader.fail("url", "an http or https URL")
        return Health(
            kind,
            url=url,
            status=reader.integer("status", 100, 599),
            contains=reader.optional_text("contains"),
            certificate=reader.optional_text("certificate"),
            key=reader.optional_text("key"),
        )
    address, port = reader.text("address"), reader.integer("port", 1, 65535)
    if kind == "ntp":
        return Health(kind, address=address, port=port)
    return Health(kind, address=address, port=port, name=reader.text("name"), answer=reader.optional_text("answer"))


def _check_unique(blocks: tuple[Block, ...]) -> None:
    """Two owners of one path, service or component could never both be satisfied. Shared directories must agree."""
    components: dict[str, int] = {}
    services: dict[str, str] = {}
    paths: dict[str, tuple[str, Resource]] = {}
    trees: dict[str, Tree] = {}
    for i, block in enumerate(blocks):
        for tree in block.trees:
            if trees.setdefault(tree.path, tree).sha256 != tree.sha256:
                raise ManifestError(f"blocks[{i}] ({block.component}): {tree.path} is already claimed, differently")
        if components.setdefault(block.component, i) != i:
            raise ManifestError(f"blocks[{i}].component: {block.component} is there twice")
        if block.service and services.setdefault(block.service.name, block.component) != block.component:
            other = services[block.service.name]
            raise ManifestError(f"blocks[{i}].service.name: {block.service.name} already belongs to {other}")
        for resource in block.resources:
            other, first = paths.setdefault(resource.path, (block.component, resource))
            agree = resource.kind == first.kind == "directory" and (
                first == resource or None in (first.mode, resource.mode)
            )
            if first is not resource and not agree:
                raise ManifestError(
                    f"blocks[{i}] ({block.component}): {resource.path} is already claimed, differently, by {other}"
                )
