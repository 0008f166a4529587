"""Portal passwords as bcrypt hashes, made once and kept, so that compiling twice gives the same file.

The cost is moderate on purpose: nginx verifies the hash anew for every request, so each doubling is paid by every page.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import bcrypt

from staddle.errors import PkiError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COST = 8


def ensure_hashes(file: Path, users: Mapping[str, str]) -> dict[str, str]:
    """A hash for every user's password: the one kept in `file` (0600) while it fits, else a new one."""
    try:
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise PkiError(f"can't read {file}: {error}", hint="remove it; the hashes are made anew") from error
    hashes = {user: _hash(password, kept.get(user)) for user, password in sorted(users.items())}
    if hashes != kept:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = file.with_name(f".{file.name}.new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(hashes, handle, indent=1, sort_keys=True)
        scratch.replace(file)
    return hashes


def _hash(password: str, kept: str | None) -> str:
    secret = password.encode()
    if kept and bcrypt.checkpw(secret, kept.encode()):
        return kept
    return bcrypt.hashpw(secret, bcrypt.gensalt(COST)).decode()
