"""Validation of new files before they replace the old ones, in a private copy of where they will be."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Block, Validator

PREFIX = "stage."
_OUTPUT_LIMIT = 8_000


@dataclass(frozen=True)
class Refusal:
    """What a validator said, with paths as they are on the host;

    `origin` is the inventory position behind it, if known.
    """

    message: str
    origin: str | None = None
    provisional: bool = False


def validate(block: Block, blobs: Mapping[str, bytes], state: str | None) -> Refusal | None:
    """Lays out the block's whole file set and runs its validators there, until one refuses.

    The stage is made in the directory `state`, or where temporary files belong if that is None. Raises OSError when
    it can't be.
    """
    stage = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX, dir=state))
    try:
        _lay_out(block, blobs, stage)
        for validator in block.validators:
            output = _run(validator, stage)
            if output is not None:
                output = _redact(output.replace(stage, "").strip(), block, blobs)
                text = f"{validator.name}: {output[-_OUTPUT_LIMIT:]}"
                return Refusal(text, _origin(block, blobs, output), validator.provisional)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return None


def clean(state: str) -> None:
    """Removes stages that a killed run left in the directory `state`."""
    with contextlib.suppress(OSError):
        for name in os.listdir(state):
            if name.startswith(PREFIX):
                shutil.rmtree(os.path.join(state, name), ignore_errors=True)


def _lay_out(block: Block, blobs: Mapping[str, bytes], stage: str) -> None:
    staged = {resource.path for resource in block.resources}
    for resource in block.resources:
        path = stage + resource.path
        if resource.kind == "directory":
            os.makedirs(path, 0o700, exist_ok=True)
            continue
        os.makedirs(posixpath.dirname(path), 0o700, exist_ok=True)
        if resource.kind == "symlink":
            os.symlink(_staged_target(resource.path, resource.target or "", staged, stage), path)
            continue
        with open(path, "xb") as file:
            file.write(blobs[resource.sha256 or ""])
        os.chmod(path, (resource.mode or 0) | 0o400)


def _staged_target(path: str, target: str, staged: set[str], stage: str) -> str:
    """Links among the staged files stay among them; all others lead to where they really lead."""
    absolute = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if any(absolute == other or other.startswith(f"{absolute}/") for other in staged):
        return stage + absolute
    return absolute


def _run(validator: Validator, stage: str) -> str | None:
    """None if it accepts, else its output (or why it could not be asked)."""
    argv = [word.replace("{stage}", stage) for word in validator.argv]
    extra = {key: value.replace("{stage}", stage) for key, value in validator.environment.items()}
    try:
        process = subprocess.Popen(
            argv,
            cwd=stage,
            env={**os.environ, "LC_ALL": "C", **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except FileNotFoundError:
        return f"the program {argv[0]} is missing, so the new configuration can't be checked"
    except OSError as error:
        return f"the program {argv[0]} can't be run: {(error.strerror or str(error)).lower()}"
    try:
        output, _ = process.communicate(timeout=validator.timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"no verdict within {validator.timeout:.0f} s"
    if process.returncode == 0:
        return None
    return output.decode(errors="replace").strip() or f"exit status {process.returncode}, without a word"


def _redact(output: str, block: Block, blobs: Mapping[str, bytes]) -> str:
    """Without the lines of secret files that a program may quote, and without long words of them."""
    for resource in block.resources:
        if resource.secret and resource.sha256:
            text = blobs[resource.sha256].decode(errors="replace")
            words = [line.strip() for line in text.splitlines()]
            words += [word for word in re.split(r"[\s'\":=,]+", text) if len(word) >= 12 and "/" not in word]
            for word in sorted((word for word in words if len(word) >= 8), key=len, reverse=True):
                output = output.replace(word, "(secret)")
    return output


def _origin(block: Block, blobs: Mapping[str, bytes], output: str) -> str | None:
    """The origin of the file that the output mentions first, or of the only one that holds a path it quotes."""
    mentions = []
    for resource in block.resources:
        at = output.find(resource.path)
        # /etc/a.conf must not be taken for a mention of /etc/a.
        after = output[at + len(resource.path) : at + len(resource.path) + 1]
        if resource.origin and at >= 0 and not (after.isalnum() or after in ("-", "_", "/")):
            mentions.append((at, -len(resource.path), resource.origin))
    if mentions:
        return min(mentions)[2]
    for quoted in re.findall(r'"(/[^"\n]+)"', output):
        # nginx names the certificate that it can't load, but not where it was told to.
        origins = {
            resource.origin
            for resource in block.resources
            if resource.origin and quoted.encode() in blobs.get(resource.sha256 or "", b"")
        }
        if len(origins) == 1:
            return origins.pop()
    return None
