"""A first inventory: commented, with secrets of its own, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import string
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from staddle.errors import StaddleError
from staddle.inventory.parameters.values import is_ip

if TYPE_CHECKING:
    from collections.abc import Sequence

Template = Literal["single", "laptop", "ha"]

SECRET_LENGTH = 28
_ALPHABET = string.ascii_letters + string.digits


def new_secret() -> str:
    """A random password of letters and digits: more than 160 bits, and no quoting anywhere."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))


def scaffold(template: Template, ips: Sequence[str]) -> str:
    """The text of a new inventory for these INFRA nodes, the first of which serves the others.

    Raises StaddleError if there are none, one is not an address, or the template has room for one only.
    """
    for ip in ips:
        if not is_ip(ip):
            raise StaddleError(f"{ip!r} is not an IP address", hint="give the host's intranet address with --ip")
    if not ips or (len(ips) > 1 and template != "ha"):
        raise StaddleError(
            f"template {template!r} has one INFRA node, but {len(ips)} addresses were given",
            hint="use --template ha for several",
        )
    text = resources.files("staddle.inventory").joinpath("templates", f"{template}.yml").read_text("utf-8")
    hosts = "\n".join(f"        {ip}: {{ infra_seq: {number} }}" for number, ip in enumerate(ips, 1))
    text = text.replace("__HOSTS__", hosts).replace("__IP__", ips[0])
    return re.sub("__SECRET__", lambda _: new_secret(), text)


def write_private(path: Path, text: str, *, force: bool = False) -> None:
    """Write a file that only its owner can read (mode 0600). Refuses to replace one unless `force`."""
    if path.exists() and not force:
        raise StaddleError(f"{path} exists already", hint="give another path, or --force to replace it")
    try:
        # A file that appears under its name complete, never half written or readable by others.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            if force:
                Path(name).replace(path)
            else:
                path.hardlink_to(name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
    except FileExistsError:
        raise StaddleError(f"{path} exists already", hint="give another path, or --force to replace it") from None
    except OSError as error:
        raise StaddleError(f"{path} can't be written: {error.strerror}") from error
