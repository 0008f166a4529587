"""What syslog-ng says about itself: statistics from its control socket, and how far it read each file."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_POSITION = re.compile(r"^affile_sd_curpos\((.*)\) = \{ \"value\": \"([0-9A-F ]+)\"", re.MULTILINE)
_QUEUE_HEADER = struct.Struct("<4sBB2xqqq")
"""The beginning of a queue file: magic, version, byte order; where it's read, where it's written, how many rows."""
_QUEUE_RESERVED = 4096
_STATE = struct.Struct("<BBBBIIIIIqqii8sqq")
_BUFFER = 1 << 20
_NAMES = {"written": "sent", "queued": "queued", "dropped": "dropped"}


class ControlError(Exception):
    """syslog-ng does not answer on its control socket."""


@dataclass
class Statistics:
    """Rows by source, and by receiver."""

    received: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    queued: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


def statistics(path: str, timeout: float = 5.0) -> Statistics:
    """Asks the syslog-ng whose control socket is at `path`. Raises ControlError."""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(b"STATS\n")
            while not answer.endswith(b"\n.\n"):
                chunk = connection.recv(65536)
                if not chunk:
                    break
                answer += chunk
    except OSError as error:
        raise ControlError(f"syslog-ng does not answer on {path}: {error}") from error
    return parse_statistics(answer.decode(errors="replace"))


def parse_statistics(text: str) -> Statistics:
    """Reads `SourceName;SourceId;SourceInstance;State;Type;Number` lines. Raises ControlError if it's something else."""
    if not text.startswith("SourceName;"):
        raise ControlError(f"syslog-ng answered {text[:80]!r} when asked for statistics")
    found = Statistics()
    for line in text.splitlines()[1:]:
        columns = line.split(";")
        if len(columns) < 6 or not columns[-1].isdigit():
            continue
        kind, identity, metric, value = columns[0], columns[1], columns[-2], int(columns[-1])
        if kind == "source" and metric == "processed" and identity.startswith("s_"):
            found.received[identity[2:]] = value
        elif kind.startswith("dst.http") and metric in _NAMES:
            counts: dict[str, int] = getattr(found, _NAMES[metric])
            counts[identity.partition("#")[0][2:]] = value
    return found


def positions(tool: Sequence[str], persist: str, environment: Mapping[str, str]) -> dict[str, int]:
    """How many bytes of each file were read for good, by its name. Raises ControlError."""
    argv = [*tool, "dump", persist]
    try:
        result = subprocess.run(argv, env=dict(environment), capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise ControlError(f"can't read {persist}: {error}") from error
    if result.returncode:
        raise ControlError(f"can't read {persist}: {result.stderr.strip()}")
    return parse_positions(result.stdout)


def parse_positions(text: str) -> dict[str, int]:
    """Reads what `persist-tool dump` prints.

    A position is that of the buffer in the file (8 bytes at 24), and the place in the buffer (4 bytes at 4).
    """
    found = {}
    for name, value in _POSITION.findall(text):
        state = bytes.fromhex(value.replace(" ", ""))
        if len(state) >= 32:
            found[name] = struct.unpack_from("<q", state, 24)[0] + struct.unpack_from("<I", state, 4)[0]
    return found


def end_of(path: str) -> str:
    """The entry that `persist-tool add` takes for: the file at `path` was read to where it ends now."""
    found = os.stat(path)
    size = found.st_size
    state = _STATE.pack(0, 0, 0, 0, 0, 0, _BUFFER, 0, 0, size, size, 0, 0, b"", size, found.st_ino)
    return f'affile_sd_curpos({path}) = {{ "value": "{" ".join(f"{byte:02X}" for byte in state)} " }}\n'


def queue_bytes(folder: str) -> int:
    """How much of the queue files in a directory is in use. They keep their size when they are emptied."""
    total = 0
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            head = file.read(_QUEUE_HEADER.size)
        if len(head) < _QUEUE_HEADER.size or head[:4] != b"SLRQ":
            continue
        _, _, _, read, write, _ = _QUEUE_HEADER.unpack(head)
        size = os.stat(os.path.join(folder, name)).st_size
        total += write - read if write >= read else size - _QUEUE_RESERVED - read + write
    return total
