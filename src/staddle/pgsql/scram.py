"""SCRAM-SHA-256 verifiers as PostgreSQL keeps them (RFC 5803), so that a password never has to be sent. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stringprep
import unicodedata

ITERATIONS = 4096


def verifier(password: str, role: str) -> str:
    """What `ALTER ROLE … PASSWORD` takes in place of the password.

    The same password of the same role always gives the same, so that a second run changes nothing: the salt comes from both.
    """
    secret = _prepared(password)
    salt = hmac.digest(secret, f"staddle:{role}".encode(), hashlib.sha256)[:16]
    salted = hashlib.pbkdf2_hmac("sha256", secret, salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", hashlib.sha256)).digest()
    server = hmac.digest(salted, b"Server Key", hashlib.sha256)
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _prepared(password: str) -> bytes:
    """SASLprep as far as PostgreSQL has it: what can't be prepared is taken as it is."""
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    normal = unicodedata.normalize("NFKC", mapped)
    forbidden = any(stringprep.in_table_c21_c22(c) or stringprep.in_table_a1(c) for c in normal)
    return (password if forbidden or not normal else normal).encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
