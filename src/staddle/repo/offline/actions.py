"""What can be done with bundles: verify one, compare two, bring one up to date by a delta, install one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import archive, machine, openpgp, tree
from .archive import Bundle, BundleError
from .openpgp import PublicKey, SignatureError

if TYPE_CHECKING:
    from collections.abc import Callable

DIRECTORY = "/opt/staddle"
ADMIN = "files"
PUBLISHED = "repo/www"
"""Where the ADMIN node keeps the repository that it serves, below its directory of files."""
_REPO = "repo/"
_PARTS = ("collection/", "docs/")


@dataclass(frozen=True)
class Difference:
    """Between two bundles: paths, and what has to be carried from one to the other."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    size: int


def verify(path: str, key: str | None) -> list[str]:
    """All that is wrong with a bundle or a delta, each with the name of the file. Raises BundleError if it is none.

    `key` is the file of the key that must have signed it; without one, whoever it names itself.
    """
    problems = []
    with Bundle(path) as bundle:
        trusted = read_key(key) if key else bundle.key()
        beside = f"{path}.asc"
        if os.path.exists(beside):
            try:
                with open(beside, encoding="ascii") as file:
                    openpgp.verify_detached(trusted, archive.file_chunks(path), file.read())
            except (SignatureError, UnicodeDecodeError) as error:
                problems.append(f"{os.path.basename(beside)}: {error}")
        if wrong := bundle.judge_seal(trusted):
            problems.append(wrong)
        return problems + bundle.judge() or bundle.judge_frame()


def read_key(path: str) -> PublicKey:
    """A public key from its file. Raises BundleError."""
    try:
        with open(path, encoding="ascii") as file:
            return openpgp.read_key(file.read())
    except (OSError, UnicodeDecodeError, SignatureError) as error:
        raise BundleError(f"{path}: {error}") from error


def compare(old: Bundle, new: Bundle) -> Difference:
    """What is different in `new`. `size` is that of what `old` does not have under any name."""
    before, after = old.manifest.files, new.manifest.files
    known = {sha256 for _, sha256 in before.values()}
    return Difference(
        added=sorted(set(after) - set(before)),
        removed=sorted(set(before) - set(after)),
        changed=sorted(path for path in set(after) & set(before) if after[path] != before[path]),
        size=sum(size for size, sha256 in after.values() if sha256 not in known),
    )


def apply_delta(old_path: str, delta_path: str, output: str) -> None:
    """The bundle that the delta leads to, byte for byte as it was built, and its signature beside it. Raises BundleError."""
    with Bundle(old_path) as old, Bundle(delta_path) as delta:
        told = delta.delta
        if told is None:
            raise BundleError(f"{delta_path}: it is a whole bundle, and no delta")
        if told["since"] != old.id:
            raise BundleError(f"{old_path}: the delta is to another bundle than this one")
        by_content = {sha256: path for path, (_, sha256) in old.manifest.files.items()}
        files = delta.manifest.files
        contents: dict[str, object] = {name: delta.read(name) for name in (archive.MANIFEST, archive.SEAL)}
        for path, (_, sha256) in files.items():
            if path in delta.names:
                contents[path] = _reader(delta, path)
            elif sha256 in by_content:
                contents[path] = _reader(old, by_content[sha256])
            else:
                raise BundleError(f"{path}: neither the old bundle nor the delta has it")
        archive.write(output, contents, files)
        with open(f"{output}.asc", "w", encoding="ascii") as file:
            file.write(delta.text(archive.WHOLE))


def install(path: str, directory: str, admin: str, key: str | None, say: Callable[[str], None]) -> None:
    """Everything in its place: the repository in the ADMIN node's files, Staddle in an environment of its own.

    Raises BundleError before anything is changed, if the bundle is damaged or not for this machine.
    """
    with Bundle(path) as bundle:
        manifest = bundle.manifest
        if bundle.delta is not None:
            raise BundleError(f"{path}: it is a delta; make a bundle of it first: apply OLD -o NEW")
        reasons = [machine.why_not(manifest, machine.this_machine()), machine.why_no_python(manifest)]
        if wrong := "; ".join(reason for reason in reasons if reason):
            raise BundleError(wrong)
        say("verifying")
        if problems := verify(path, key):
            raise BundleError("\n".join(problems))
        say(f"repository {manifest.name}")
        os.makedirs(admin, mode=0o700, exist_ok=True)
        home = Path(admin, PUBLISHED)
        _put_repository(bundle, home.absolute())
        say("Staddle, its collection and its docs")
        os.makedirs(directory, mode=0o755, exist_ok=True)
        for part in _PARTS:
            archive.remove(os.path.join(directory, part))
            os.makedirs(os.path.join(directory, part))
            archive.extract(bundle, part, os.path.join(directory, part))
        if manifest.pythons:
            _install_staddle(bundle, directory, str(home.absolute() / manifest.name))


def _reader(bundle: Bundle, path: str) -> object:
    return lambda: bundle.chunks(path)


def _put_repository(bundle: Bundle, home: Path) -> None:
    try:
        with tree.staging(home, bundle.manifest.name) as scratch:
            archive.extract(bundle, _REPO, str(scratch))
            if problems := tree.verify(scratch):
                raise BundleError("\n".join(problems))
            complete = tree.read(scratch)
            if complete is None:
                raise BundleError(f"{_REPO}{tree.COMPLETE}: it is missing")
            tree.switch(home, bundle.manifest.name, scratch, complete)
    except tree.TreeError as error:
        raise BundleError(str(error)) from error


def _install_staddle(bundle: Bundle, directory: str, repository: str) -> None:
    """An environment of its own, made by the pip that the bundle brings: Debian's Python has none."""
    environment = os.path.join(directory, "venv")
    python = os.path.join(environment, "bin", "python3")
    _run([sys.executable, "-m", "venv", "--clear", "--without-pip", environment], {})
    wheels = os.path.join(repository, "wheels")
    pip = next((name for name in sorted(os.listdir(wheels)) if name.startswith("pip-")), None)
    own = next((name for name in sorted(os.listdir(wheels)) if name.startswith("staddle-")), None)
    if pip is None or own is None:
        raise BundleError("repo/wheels: it has no pip, or no Staddle")
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    install += ["--no-cache-dir"]
    requirements = os.path.join(directory, "requirements.txt")
    with open(requirements, "wb") as file:
        file.write(bundle.read("requirements.txt"))
    settings = {"PYTHONPATH": os.path.join(wheels, pip), "PIP_CONFIG_FILE": os.devnull}
    _run([*install, "--find-links", wheels, "--require-hashes", "--requirement", requirements], settings)
    _run([*install, os.path.join(wheels, own), os.path.join(wheels, pip)], settings)
    # What Staddle fetches for other hosts, such as its engines, is there, too.
    with open(os.path.join(environment, "pip.conf"), "w", encoding="utf-8") as file:
        file.write(f"[global]\nno-index = true\nfind-links = {wheels}\n")


def _run(argv: list[str], more: dict[str, str]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    result = subprocess.run(argv, env={**environment, **more}, capture_output=True, text=True, check=False)
    if result.returncode:
        last = "\n".join((result.stderr or result.stdout).strip().splitlines()[-8:])
        raise BundleError(f"`{' '.join(argv[:4])} …` failed:\n{last}")
