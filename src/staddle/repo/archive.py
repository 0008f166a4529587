"""Vendors' release archives as Debian packages: their programs in /usr/bin, and nothing else.

The same archive gives the same package, byte for byte, on any machine and at any time, since the lock has its hash. Nothing
in it is compressed: what compressors make of the same bytes differs from version to version.
"""

from __future__ import annotations

import io
import re
import tarfile
from typing import TYPE_CHECKING

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)_(?P<version>[0-9][\w.+~:-]*)_(?P<arch>[a-z0-9]+)\.deb", re.ASCII)
_LIMIT = 2 * 1024**3


def package_of(archive: Path, file: str, programs: Mapping[str, str], url: str) -> bytes:
    """The package `file` (`name_version_arch.deb`) of an archive's programs: `{name in the archive: name in /usr/bin}`.

    Raises RepoError, also for a program that the archive doesn't have, with those that it has.
    """
    match = _FILE.fullmatch(file)
    if match is None:
        raise RepoError(f"{file!r} does not say what package it is",
                        hint="call it name_version_arch.deb, as in victoria-logs_1.36.1_amd64.deb")  # fmt: skip
    found: dict[str, bytes] = {}
    there: list[str] = []
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                if member.isreg() and member.size <= _LIMIT:
                    there.append(name)
                    if name in programs and (content := tar.extractfile(member)) is not None:
                        found[programs[name]] = content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RepoError(f"{url} is no archive that can be read: {error}") from error
    if absent := sorted(set(programs) - set(there)):
        raise RepoError(f"{url} has no {', '.join(absent)}", hint=f"it has {', '.join(sorted(there)[:20])}")
    size = sum(map(len, found.values())) // 1024 + 1
    control = (
        f"Package: {match['name']}\nVersion: {match['version']}\nArchitecture: {match['arch']}\n"
        f"Maintainer: the operators of this repository <root@localhost>\nInstalled-Size: {size}\nSection: utils\n"
        f"Priority: optional\nDescription: {', '.join(sorted(found))}, from its maker's release archive\n"
        f" {url}\n"
    )
    files = {f"usr/bin/{name}": content for name, content in sorted(found.items())}
    return _ar({
        "debian-binary": b"2.0\n",
        "control.tar": _tar({"control": control.encode()}, 0o644),
        "data.tar": _tar(files, 0o755),
    })  # fmt: skip


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as tar:
        folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(path.count("/") + 1)}
        for folder in sorted(folders):
            info = tarfile.TarInfo(f"./{folder}" if folder else ".")
            info.type, info.mode, info.uname, info.gname = tarfile.DIRTYPE, 0o755, "root", "root"
            tar.addfile(info)
        for path, content in files.items():
            info = tarfile.TarInfo(f"./{path}")
            info.size, info.mode, info.uname, info.gname = len(content), mode, "root", "root"
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def _ar(members: Mapping[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        parts += [f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode(), content]
        parts += [b"\n"] if len(content) % 2 else []
    return b"".join(parts)
