"""Talking to a host: the converge program and one request go over standard input, one reply comes back.

Nothing is stored there on the way. This module knows no transport; the collection's action plugin has Ansible carry it.
"""

from __future__ import annotations

import json
import shlex
import zlib
from functools import cache
from typing import Any

from staddle.converge.bundle import build
from staddle.converge.remote import EVENT, MARK
from staddle.errors import FleetError

PYTHON = "/usr/bin/python3"
# The program is run out of memory: neither it nor the manifest, which has secrets, ever touches the host's disk.
_LOADER = """\
import os, sys, zlib
i = sys.stdin.buffer
n, m = map(int, i.readline().split())
z = i.read(n)
d = os.memfd_create("converge.pyz")
with open(d, "wb", closefd=False) as f: f.write(z)
sys.path.insert(0, "/proc/self/fd/%d" % d)
from staddle_converge.remote import serve
sys.exit(serve(zlib.decompress(i.read(m)), i))
"""


def command(python: str = PYTHON) -> str:
    """The shell command that takes `payload` on standard input."""
    return f"{shlex.quote(python)} -c {shlex.quote(_LOADER)}"


def payload(request: dict[str, Any], manifest: bytes | None = None, attachment: bytes = b"") -> bytes:
    """What goes over standard input. `manifest` is canonical JSON, put in as it is; `attachment` follows the request."""
    text = json.dumps(request).encode()
    if manifest is not None:
        text = text[:-1] + b', "manifest": ' + manifest + b"}"
    program, packed = _program(), zlib.compress(text, 6)
    return b"".join((b"%d %d\n" % (len(program), len(packed)), program, packed, attachment))


def reply(code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """What the host answered. Raises FleetError if it did not, or answered that it can't."""
    line = next((line for line in reversed(stdout.splitlines()) if line.startswith(MARK)), None)
    if line is None:
        said = "\n".join(line for line in stderr.splitlines() if not line.startswith(EVENT))
        raise FleetError(_explain(code, (said or stdout).strip()))
    data: dict[str, Any] = json.loads(line[len(MARK) :])
    if "error" in data:
        raise FleetError(data["error"])
    return data


def _explain(code: int, output: str) -> str:
    last = "\n".join(output.splitlines()[-5:])
    if code == 127 or "not found" in last:
        return f"the host has no Python where it was looked for: {last} (set ansible_python_interpreter)"
    return f"the host gave no answer (exit status {code}): {last or 'it said nothing'}"


@cache
def _program() -> bytes:
    return build()
