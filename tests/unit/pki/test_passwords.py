"""Portal passwords are kept as bcrypt hashes, made once."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import bcrypt
import pytest

from staddle.errors import PkiError
from staddle.pki.passwords import ensure_hashes, ensure_login

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "admin/users.json"


def test_a_hash_verifies_its_password_and_no_other(file: Path) -> None:
    hashes = ensure_hashes(file, {"ann": "correct horse", "böb": "pässwörd"})
    assert all(hashed.startswith("$2b$") for hashed in hashes.values())
    assert bcrypt.checkpw(b"correct horse", hashes["ann"].encode())
    assert bcrypt.checkpw("pässwörd".encode(), hashes["böb"].encode())
    assert not bcrypt.checkpw(b"wrong horse", hashes["ann"].encode())


def test_hashes_stay_while_passwords_do(file: Path) -> None:
    first = ensure_hashes(file, {"ann": "one", "bob": "two"})
    before = file.stat().st_mtime_ns
    assert ensure_hashes(file, {"ann": "one", "bob": "two"}) == first
    assert file.stat().st_mtime_ns == before
    changed = ensure_hashes(file, {"ann": "new", "bob": "two"})
    assert changed["bob"] == first["bob"]
    assert bcrypt.checkpw(b"new", changed["ann"].encode())


def test_users_that_are_gone_are_forgotten(file: Path) -> None:
    ensure_hashes(file, {"ann": "one", "bob": "two"})
    ensure_hashes(file, {"ann": "one"})
    assert set(json.loads(file.read_text(encoding="utf-8"))) == {"ann"}


def test_the_file_is_private_and_holds_no_password(file: Path) -> None:
    ensure_hashes(file, {"ann": "correct horse"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"horse" not in file.read_bytes()


def test_equal_passwords_have_different_hashes(file: Path) -> None:
    hashes = ensure_hashes(file, {"ann": "same", "bob": "same"})
    assert hashes["ann"] != hashes["bob"]


@pytest.mark.parametrize("content", ['["ann"]', '{"ann": 1}', '{"ann": "not a hash"}'])
def test_what_is_no_hash_is_made_anew(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content, encoding="utf-8")
    assert bcrypt.checkpw(b"one", ensure_hashes(file, {"ann": "one"})["ann"].encode())


def test_an_unreadable_file_is_an_error_that_says_what_to_do(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("{", encoding="utf-8")
    with pytest.raises(PkiError, match=r"can't read .*users\.json") as caught:
        ensure_hashes(file, {"ann": "one"})
    assert "remove it" in str(caught.value.hint)


def test_a_login_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    file = tmp_path / "portal-login"
    made = ensure_login(file)
    assert made.keys() == {"admin"}
    assert len(made["admin"]) >= 20
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ensure_login(file) == made
    assert ensure_login(tmp_path / "other") != made
    file.chmod(0o644)
    ensure_login(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "admin", "admin:", ":x", "\xff"])
def test_a_login_that_is_none_is_not_taken_for_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "portal-login"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(PkiError, match="portal-login"):
        ensure_login(file)
