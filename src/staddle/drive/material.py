"""What compile needs and the inventory doesn't hold: certificates, password hashes, the user's own templates.

This is the edge: it reads the clock and keeps its results below the ADMIN node's directory, 0700.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from staddle.compile import certificates_of
from staddle.components.base import KeyPair, Material
from staddle.components.nginx.custom import TEMPLATE_DIRECTORY
from staddle.errors import StaddleError
from staddle.pki.authority import open_authority
from staddle.pki.passwords import ensure_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from staddle.components.base import Context


def ensure_material(contexts: Mapping[str, Context], admin: Path, inventory: Path | None) -> tuple[Material, list[str]]:
    """Everything for these nodes, made if it's missing or due. Returns it and what was issued, in words."""
    now = dt.datetime.now(dt.UTC)
    params = next(iter(contexts.values())).params
    authority = open_authority(admin / "pki", params.ca_cn, create=params.ca_create, now=now)
    pairs: dict[tuple[str, str], KeyPair] = {}
    issued = []
    for ip, ctx in contexts.items():
        for request in certificates_of(ctx):
            pair, reason = authority.ensure(ip, request, now)
            pairs[ip, request.name] = pair
            if reason:
                issued.append(f"certificate {request.name} for {ip}: {reason}")
    users = {user: password.get_secret_value() for user, password in params.nginx_users.items()}
    material = Material(
        ca_certificate=authority.pem,
        certificates=pairs,
        password_hashes=ensure_hashes(admin / "portal-users.json", users),
        templates=_templates(inventory, contexts.values()),
    )
    return material, issued


def _templates(inventory: Path | None, contexts: Iterable[Context]) -> dict[str, str]:
    """Those that portal entries name, as far as they are there; what else lies beside them is nobody's business."""
    names = {entry.conf for ctx in contexts for entry in ctx.params.infra_portal.values() if entry.conf}
    if inventory is None or not names:
        return {}
    folder = inventory.parent / TEMPLATE_DIRECTORY
    try:
        return {name: (folder / name).read_text(encoding="utf-8") for name in sorted(names) if (folder / name).exists()}
    except (OSError, UnicodeDecodeError) as error:
        raise StaddleError(f"can't read the portal templates in {folder}: {error}") from error
