"""Manifest ↔ canonical JSON: the same manifest always gives the same bytes.

File contents are carried once each, by SHA-256, in `blobs`; a file entry holds only the digest. Shape:

    {"format": 1, "node": ip, "layout": name, "state": dir, "log_dir": dir, "manager": {"kind", "socket"},
     "blocks": [{"component", "phase", "resources": [{"kind", "path", …, "sha256"}], "validators": […],
                 "service": {…}|null, "packages": […], "accounts": […], "commands": […], "displaces": […],
                 "trees": […], "lacking": text}],
     "blobs": {sha256: base64}, "offers": {"index", "files": {package: sha256}, "only"}, "environment": {name: value}}
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from staddle.manifest.resources import File, Section

if TYPE_CHECKING:
    from staddle.manifest.resources import Block, Manifest, Resource

FORMAT = 1


def to_data(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain data, ready for JSON."""
    blobs: dict[str, str] = {}
    blocks = [_block(block, blobs) for block in manifest.blocks]
    return {
        "format": FORMAT,
        "node": manifest.node,
        "layout": manifest.layout,
        "state": manifest.state,
        "log_dir": manifest.log_dir,
        "manager": _fields(manifest.manager),
        "blocks": blocks,
        "blobs": blobs,
        **({"environment": dict(manifest.environment)} if manifest.environment else {}),
        **({"offers": {**_fields(manifest.offers), "files": dict(manifest.offers.files)}} if manifest.offers else {}),
    }


def to_json(manifest: Manifest) -> bytes:
    """Canonical bytes: sorted keys, no white space, UTF-8, one trailing newline."""
    text = json.dumps(to_data(manifest), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def digest(canonical: bytes) -> str:
    """SHA-256 of the canonical bytes: the manifest's address."""
    return hashlib.sha256(canonical).hexdigest()


def _block(block: Block, blobs: dict[str, str]) -> dict[str, Any]:
    service: dict[str, Any] | None = None
    if block.service:
        health = block.service.health
        service = {**_fields(block.service), "health": {"kind": health.kind, **_fields(health)}}
    return {
        "component": block.component,
        "phase": block.phase,
        "resources": [_resource(resource, blobs) for resource in block.resources],
        "validators": [{**_fields(v), "environment": dict(v.environment)} for v in block.validators],
        "service": service,
        **_foundations(block),
    }


def _foundations(block: Block) -> dict[str, Any]:
    """What only real hosts have, left out where there is none of it."""
    data = {
        "packages": [_fields(package) for package in block.packages],
        "accounts": [{"kind": account.kind, **_fields(account)} for account in block.accounts],
        "commands": [_fields(command) for command in block.commands],
        "displaces": list(block.displaces),
        "trees": [_fields(tree) for tree in block.trees],
        "lacking": block.lacking,
    }
    return {key: value for key, value in data.items() if value}


def _resource(resource: Resource, blobs: dict[str, str]) -> dict[str, Any]:
    data = {"kind": resource.kind, **_fields(resource)}
    if isinstance(resource, (File, Section)):
        sha256, encoded = _encoded(data.pop("content"))
        blobs[sha256] = encoded
        data["sha256"] = sha256
    return data


@lru_cache(maxsize=1024)
def _encoded(content: bytes) -> tuple[str, str]:
    """Its SHA-256, and itself in base64. Most of what a thousand hosts get is the same."""
    return hashlib.sha256(content).hexdigest(), base64.b64encode(content).decode()


def _fields(item: Any) -> dict[str, Any]:
    return {name: _plain(getattr(item, name)) for name in _names(item.__class__)}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: Any) -> Any:
    """JSON has lists only, and what is read back shall equal what was written."""
    return list(value) if isinstance(value, tuple) else value
