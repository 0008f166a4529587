"""What compile needs and the inventory doesn't hold: certificates, password hashes, the user's own templates.

This is the edge: it reads the clock and keeps its results below the ADMIN node's directory, 0700.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.compile import certificates_of, secrets_of
from staddle.components.admin_user import exchanges
from staddle.components.machines import AUTHORITIES
from staddle.components.material import KeyPair, Material
from staddle.components.nginx.access import asks_for_login
from staddle.components.nginx.custom import TEMPLATE_DIRECTORY
from staddle.drive.repository import served
from staddle.drive.rundir import FILES
from staddle.errors import StaddleError
from staddle.pki.authority import open_authority
from staddle.pki.files import write_file
from staddle.pki.passwords import ensure_hashes, ensure_login, ensure_secret
from staddle.pki.ssh import SshAuthority

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.components.base import Context

ADMIN_KEYS = "admin-keys.pub"


def ensure_material(contexts: Mapping[str, Context], admin: Path, inventory: Path | None) -> tuple[Material, list[str]]:
    """Everything for these nodes, made if it's missing or due. Returns it and what was made, in words."""
    now = dt.datetime.now(dt.UTC)
    params = next(iter(contexts.values())).params
    authority = open_authority(admin / "pki", params.ca_cn, create=params.ca_create, now=now)
    machines = {
        role: open_authority(admin / "pki" / f"machines-{role}", name, create=True, now=now)
        for role, name in AUTHORITIES.items()
    }
    pairs: dict[tuple[str, str], KeyPair] = {}
    issued: dict[tuple[str, str], list[str]] = {}
    for ip, ctx in contexts.items():
        for request in certificates_of(ctx):
            signer = machines[request.role] if request.role else authority
            pair, reason = signer.ensure(ip, request, now)
            pairs[ip, request.name] = pair
            if reason:
                issued.setdefault((request.name, reason), []).append(ip)
    notes = [f"issued certificate {name} for {_some(ips)}: {reason}" for (name, reason), ips in issued.items()]
    users = {user: password.get_secret_value() for user, password in params.nginx_users.items()}
    if not users and any(asks_for_login(ctx) for ctx in contexts.values()):
        file = admin / "portal-login"
        users = ensure_login(file)
        notes.append(f"nginx_users is empty, so the portal's login is one that was made for it: see {file}")
    secrets = {}
    for name in sorted({name for ctx in contexts.values() for name in secrets_of(ctx)}):
        secrets[name], made = ensure_secret(admin / "secrets" / name)
        if made:
            notes.append(f"made a secret, {name}: see {admin / 'secrets' / name}")
    repository = served(admin, params.repo_name)
    if repository is None and inventory is not None:
        # A sandbox has files of its own; `staddle repo build` keeps its beside the inventory.
        repository = served(inventory.absolute().parent / FILES, params.repo_name)
    # A sandbox has no administrators.
    exchanging = [ctx for ctx in contexts.values() if exchanges(ctx.node) and not ctx.layout.is_sandbox]
    exchange = SshAuthority(admin / "ssh") if exchanging else None
    identities = {
        ctx.node.ip: exchange.ensure(ctx.node.ip, ctx.params.node_admin_username, ctx.params.cert_validity.seconds, now)
        for ctx in exchanging
        if exchange
    }
    material = Material(
        ca_certificate=authority.pem,
        certificates=pairs,
        password_hashes=ensure_hashes(admin / "portal-users.json", users),
        templates=_templates(inventory, contexts.values()),
        admin_keys=admin_keys(admin / ADMIN_KEYS, Path.home() / ".ssh"),
        repo_key=repository.key if repository else "",
        repository=repository,
        ssh_ca=exchange.public if exchange else "",
        ssh=identities,
        secrets=secrets,
        machine_cas={role: machine.pem for role, machine in machines.items()},
    )
    return material, notes


def _some(ips: list[str]) -> str:
    return ", ".join(ips) if len(ips) <= 4 else f"{', '.join(ips[:3])} and {len(ips) - 3} more"


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


def admin_keys(kept: Path, ssh: Path) -> tuple[str, ...]:
    """The public SSH keys of everybody who has run Staddle from here, one a line in `kept`.

    Those in `ssh` are added to it. Who doesn't run it any more is deleted there by hand.
    """
    known = _lines(kept)
    own = [line for path in sorted(ssh.glob("id_*.pub")) for line in _lines(path)]
    # The same key may come back with another comment.
    bodies = {line.split()[1] for line in known if len(line.split()) > 1}
    new = [line for line in own if line.split()[1:2] and line.split()[1] not in bodies]
    if new:
        write_file(kept, "".join(f"{line}\n" for line in [*known, *new]).encode(), 0o600)
    return (*known, *new)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StaddleError(f"can't read {path}: {error}") from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
