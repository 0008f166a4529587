"""Building offline bundles (`offline/archive.py` has their form) from the repository that the ADMIN node serves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import staddle
from staddle.repo import sbom
from staddle.repo.model import RepoError, Target
from staddle.repo.offline import archive, tree
from staddle.repo.offline.archive import Bundle, BundleError, Manifest
from staddle.repo.share import PACKAGE, shared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from staddle.repo.signing import Signer

_MAIN = b"""\
import os
import sys

if sys.version_info < (3, 9):
    sys.exit("this needs Python 3.9 or newer")
from staddle_bundle.main import main

sys.exit(main(os.path.dirname(os.path.abspath(__file__)), sys.argv[1:]))
"""


@dataclass(frozen=True, slots=True)
class Built:
    """A bundle that was written, or a delta."""

    path: Path
    size: int
    files: int


def build(home: Path, name: str, signer: Signer, output: Path, *, since: Path | None = None) -> Built:
    """Write a bundle of the repository `home/name` to `output`, and its signature beside it (`.asc`).

    With `since`, only what that older bundle does not have: a delta. The same repository gives the same bytes.
    Raises RepoError.
    """
    at = tree.current(home, name)
    try:
        complete = tree.read(at) if at else None
        if at is None or complete is None:
            raise RepoError(f"there is no repository {name} in {home}", hint="`staddle repo build` makes it")
        if complete.key != signer.fingerprint:
            raise RepoError(
                f"the repository {name} is signed by key {complete.key}, and this machine has {signer.fingerprint}",
                hint="build it here, or bundle it where it was built",
            )
        contents, sums = _contents(at, complete)
        manifest = _manifest(complete, at, sums)
        contents[archive.SBOM] = sbom.document(json.loads((at / "repo.json").read_bytes()), manifest)
        sums = {**sums, archive.SBOM: _sum(contents[archive.SBOM])}
        manifest = _manifest(complete, at, sums)
        text = manifest.text().encode()
        contents |= {archive.MANIFEST: text, archive.SEAL: signer.detached([text], manifest.created).encode()}
        output.parent.mkdir(parents=True, exist_ok=True)
        if since is not None:
            contents = _delta(since, contents, sums, signer, manifest)
        digest = hashlib.sha256()
        archive.write(str(output), contents, sums, digest)
        signature = signer.over(digest, manifest.created)
        output.with_name(f"{output.name}.asc").write_text(signature, encoding="ascii")
    except (BundleError, tree.TreeError) as error:
        raise RepoError(str(error)) from error
    except OSError as error:
        raise RepoError(f"can't write the bundle {output}: {error.filename or ''}: {error.strerror}") from error
    return Built(output, output.stat().st_size, len(contents))


def default_path(beside: Path, folder: str, pattern: str, home: Path, name: str) -> Path:
    """The file that the inventory wants bundles to be (`cache_pkg_dir`, `cache_pkg_name`). Raises RepoError."""
    at = tree.current(home, name)
    complete = tree.read(at) if at else None
    targets = [Target.parse(key) for key in sorted(complete.targets)] if complete else []
    values = {
        "version": staddle.__version__,
        "os": "-".join(dict.fromkeys(f"{target.family}{target.release}" for target in targets)) or "any",
        "arch": "-".join(dict.fromkeys(target.arch for target in targets)) or "any",
    }
    found = f"{folder}/{pattern}"
    for key, value in values.items():
        found = found.replace(f"${{{key}}}", value)
    return beside / found


def _contents(at: Path, complete: tree.Complete) -> tuple[dict[str, Any], dict[str, tuple[int, str]]]:
    """Every file of the bundle but those that tell of the others: its content, or where it is; and their sums."""
    small: dict[str, bytes] = {"__main__.py": _MAIN}
    for file in sorted((PACKAGE / "repo/offline").glob("*.py")):
        small[f"staddle_bundle/{file.name}"] = file.read_bytes()
    for path, folder in (
        ("collection/ansible_collections", PACKAGE / "ansible/ansible_collections"),
        ("docs", shared("docs")),
    ):
        small |= {f"{path}/{file.relative_to(folder)}": file.read_bytes() for file in _files(folder)}
    small["requirements.txt"] = shared("requirements").joinpath("run.txt").read_bytes()
    small |= {f"repo/{name}": (at / name).read_bytes() for name in (tree.COMPLETE, tree.SEAL)}
    contents: dict[str, Any] = {**small, **{f"repo/{path}": f"{at}/{path}" for path in complete.files}}
    sums = {f"repo/{path}": known for path, known in complete.files.items()}
    return contents, {**sums, **{path: _sum(content) for path, content in small.items()}}


def _manifest(complete: tree.Complete, at: Path, sums: Mapping[str, tuple[int, str]]) -> Manifest:
    targets = [Target.parse(key) for key in sorted(complete.targets)]
    told = json.loads((at / "repo.json").read_bytes())
    return Manifest(
        name=complete.name,
        version=staddle.__version__,
        created=int(datetime.fromisoformat(told["published"]).astimezone(UTC).timestamp()),
        key=complete.key,
        machines=[{"family": target.family, "release": target.release, "arch": target.arch} for target in targets],
        pythons=sorted(told["pythons"], key=lambda version: [int(part) for part in version.split(".")]),
        files=dict(sums),
    )


def _delta(
    since: Path, contents: Mapping[str, Any], sums: Mapping[str, tuple[int, str]], signer: Signer, manifest: Manifest
) -> dict[str, Any]:
    """The files of a delta, one of them the signature over the whole bundle that it leads to."""
    digest = hashlib.sha256()
    archive.write(None, contents, sums, digest)
    signature = signer.over(digest, manifest.created)
    with Bundle(str(since)) as old:
        known = {sha256 for _, sha256 in old.manifest.files.values()}
        told = {"since": old.id}
    always = (*(name for name in contents if name.startswith(archive.PROGRAM)), archive.KEY)
    reuse = sorted(path for path, (_, sha256) in sums.items() if sha256 in known and path not in always)
    kept = {path: content for path, content in contents.items() if path not in set(reuse)}
    text = json.dumps({**told, "reuse": reuse}, sort_keys=True).encode()
    return {**kept, archive.DELTA: text, archive.WHOLE: signature.encode()}


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _sum(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()
