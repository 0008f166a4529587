"""Portal passwords as bcrypt hashes, made once and kept, so that compiling twice gives the same file.

The cost is moderate on purpose: nginx verifies the hash anew for every request, so each doubling is paid by every page.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import bcrypt

from staddle.errors import PkiError
from staddle.inventory.scaffold import new_secret
from staddle.pki.files import write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COST = 8
LOGIN = "admin"
"""The user of the portal where the inventory names none."""


def ensure_hashes(file: Path, users: Mapping[str, str]) -> dict[str, str]:
    """A hash for every user's password: the one kept in `file` (0600) while it fits, else a new one. Raises PkiError."""
    kept = _read(file)
    hashes = {user: _hash(password, kept.get(user)) for user, password in sorted(users.items())}
    if hashes != kept:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(file, json.dumps(hashes, indent=1, sort_keys=True).encode(), 0o600)
        except OSError as error:
            raise PkiError(f"can't write {file}: {error}") from error
    return hashes


def ensure_login(file: Path) -> dict[str, str]:
    """The user and password kept in `file` (0600, `user:password`), made if it is missing. Raises PkiError."""
    try:
        if not file.exists():
            write_file(file, f"{LOGIN}:{new_secret()}\n".encode(), 0o600)
        file.chmod(0o600)
        user, _, password = file.read_text(encoding="utf-8").strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        raise PkiError(f"can't keep a login for the portal in {file}: {error}") from error
    if not user or not password:
        raise PkiError(f"{file} does not hold user:password", hint="remove it; a new one is made")
    return {user: password}


def ensure_secret(file: Path) -> tuple[str, bool]:
    """The secret kept in `file` (0600), and whether it was made just now. Raises PkiError."""
    try:
        made = not file.exists()
        if made:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(file, f"{new_secret()}\n".encode(), 0o600)
        file.chmod(0o600)
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PkiError(f"can't keep a secret in {file}: {error}") from error
    if not secret:
        raise PkiError(f"{file} is empty", hint="remove it; a new one is made")
    return secret, made


def _read(file: Path) -> dict[str, str]:
    try:
        data = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise PkiError(f"can't read {file}: {error}", hint="remove it; the hashes are made anew") from error
    # Anything else that doesn't fit is no hash of a password of ours, so a new one is made.
    return {user: hashed for user, hashed in data.items() if isinstance(hashed, str)} if isinstance(data, dict) else {}


def _hash(password: str, kept: str | None) -> str:
    secret = password.encode()
    with contextlib.suppress(ValueError):
        if kept and bcrypt.checkpw(secret, kept.encode()):
            return kept
    return bcrypt.hashpw(secret, bcrypt.gensalt(COST)).decode()
