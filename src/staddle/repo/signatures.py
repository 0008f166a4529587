"""Signatures of upstreams: which keys an upstream may sign with, and whether it did.

A signature counts only if it was made by a key that this very upstream is known to use; what other keys the machine
trusts does not matter. gpgv does the arithmetic, on a keyring that holds nothing else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.repo.cache import write_cached
from staddle.repo.model import RepoError
from staddle.repo.openpgp import Certificate, certificates, dearmor
from staddle.repo.web import TransferError

if TYPE_CHECKING:
    from staddle.repo.model import Upstream
    from staddle.repo.web import Web

_FRESH_SECONDS = 7 * 86_400
_CLEARSIGNED = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:(?!-----).*\n)*"
    rb"-----BEGIN PGP SIGNATURE-----\r?\n(?:(?!-----).*\n)*-----END PGP SIGNATURE-----\s*"
)
"""One message, one signature, and nothing else; within, lines that begin with dashes are escaped."""
_STATUS = re.compile(r"^\[GNUPG:\] (\S+)(?: (.*))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies what one upstream has signed."""

    upstream: str
    keys: tuple[Certificate, ...]

    def clearsigned(self, content: bytes, what: str) -> bytes:
        """The signed part of a clear-signed document. Raises RepoError, which says whose signature it isn't."""
        if b"-----BEGIN PGP" in content and not _CLEARSIGNED.fullmatch(content):
            raise RepoError(f"{self.upstream}: {what} has text beside what is signed", hint=self._hint)
        with tempfile.TemporaryDirectory() as directory:
            document, output = Path(directory, "document"), Path(directory, "output")
            document.write_bytes(content)
            self._verify(Path(directory), ["--output", str(output), str(document)], what)
            return output.read_bytes()

    def detached(self, content: bytes, signature: bytes, what: str) -> None:
        """Raises RepoError unless `signature`, armored or not, is one of `content`."""
        with tempfile.TemporaryDirectory() as directory:
            signed, by = Path(directory, "signed"), Path(directory, "signature")
            signed.write_bytes(content)
            by.write_bytes(dearmor(signature))
            self._verify(Path(directory), [str(by), str(signed)], what)

    def _verify(self, directory: Path, argv: list[str], what: str) -> None:
        program = shutil.which("gpgv")
        if program is None:
            raise RepoError(
                f"{self.upstream}: signatures can't be checked, gpgv is missing", hint="install the package gpgv"
            )
        keyring = directory / "keyring.gpg"
        keyring.write_bytes(b"".join(key.content for key in self.keys))
        argv = [program, "--homedir", str(directory), "--keyring", str(keyring), "--status-fd", "1", *argv]
        result = subprocess.run(argv, capture_output=True, check=False, timeout=60)
        problem = self._problem(result.stdout.decode(errors="replace"))
        if problem:
            raise RepoError(f"{self.upstream}: {what} {problem}", hint=self._hint)

    @property
    def _hint(self) -> str:
        return f"{self.upstream} is not to be trusted as it is"

    def _problem(self, status: str) -> str | None:
        """What speaks against a document, as gpgv reports it; nothing if one of the keys has signed it."""
        good, strangers, expired, kind = False, [], [], ""
        for word, rest in _STATUS.findall(status):
            if word == "BADSIG":
                return "has a bad signature: it was changed after it was signed"
            if word in {"GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}:
                kind = word
                expired += [rest.split(" ")[0]] if word != "GOODSIG" else []
            elif word == "VALIDSIG" and kind == "GOODSIG":
                good = True
            elif word == "NO_PUBKEY":
                strangers.append(rest.split(" ")[0])
        if good:
            return None
        if expired:
            return f"is signed by a key that has expired or was revoked ({', '.join(expired)})"
        if strangers:
            expected = ", ".join(key.fingerprint for key in self.keys)
            return f"is signed by {', '.join(strangers)}, which is not its key ({expected})"
        return "is not signed"


class Keys:
    """Finds upstreams' keys: files of this machine, or what was fetched before, or the vendor's URL.

    A fetched file is kept in `cache`. It is believed as far as fingerprints go, so that where it came from doesn't matter.
    """

    def __init__(self, cache: Path, web: Web) -> None:
        self._cache, self._web = cache, web

    def verifier(self, upstream: Upstream) -> Verifier:
        """Raises RepoError if a key can't be had, or is another one than it should be."""
        trust, found, problems, unreachable = upstream.trust, dict[str, Certificate](), list[str](), 0
        for place in trust.keys:
            try:
                keys = self._at(place, upstream)
            except (RepoError, OSError) as error:
                unreachable += isinstance(error, TransferError)
                text = error.strerror or "" if isinstance(error, OSError) else error.message
                problems.append(text if place in text else f"{place}: {text}")
                continue
            wanted = [key for key in keys if not trust.fingerprints or key.fingerprint in trust.fingerprints]
            if not wanted:
                others = ", ".join(key.fingerprint for key in keys)
                problems.append(f"{place} holds {others}, not {' or '.join(trust.fingerprints)}")
            for key in wanted:
                found[key.fingerprint] = key
                if "://" in place:
                    self._keep(key)
            if trust.fingerprints and set(trust.fingerprints) <= found.keys():
                break
        if not found:
            said = "; ".join(problems) or "none is given"
            if unreachable and unreachable == len(problems):
                raise TransferError(f"{upstream.name}: its key can't be fetched: {said}", final=True)
            raise RepoError(f"{upstream.name}: no key to check its signature with: {said}",
                            hint="give `keys` (fingerprints) and `key_url` in its definition")  # fmt: skip
        return Verifier(upstream.name, tuple(found[name] for name in sorted(found)))

    def _at(self, place: str, upstream: Upstream) -> list[Certificate]:
        """A fetched key is fetched again once a week: vendors put off its expiry under the same fingerprint."""
        if "://" not in place:
            return certificates(Path(place).read_bytes())
        files = [self._cache / f"{fingerprint}.gpg" for fingerprint in upstream.trust.fingerprints]
        have = bool(files) and all(file.is_file() for file in files)
        if not have or any(time.time() - file.stat().st_mtime > _FRESH_SECONDS for file in files):
            try:
                answer = self._web.get(place, proxy=upstream.proxy)
                if answer.status != 200:
                    raise TransferError("it isn't there (HTTP status 404)", final=True)
                return certificates(answer.body)
            except RepoError:
                if not have:
                    raise
        return [key for file in files for key in certificates(file.read_bytes())]

    def _keep(self, key: Certificate) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        file = self._cache / f"{key.fingerprint}.gpg"
        if not file.exists() or file.read_bytes() != key.content or time.time() - file.stat().st_mtime > _FRESH_SECONDS:
            write_cached(file, key.content)
