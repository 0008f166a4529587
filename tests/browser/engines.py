"""Staddle's own log and trace servers, as long as a test looks at their pages."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.sandbox.stack import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def serving(kind: str, folder: Path, *flags: str) -> Iterator[str]:
    """The address of a server (`logs`, `traces`) with its data in `folder`, below `/v<kind>` as behind the portal."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", f"staddle.{kind}.main", f"-storageDataPath={folder}/data",
        f"-httpListenAddr=127.0.0.1:{port}", f"-http.pathPrefix=/v{kind}", *flags,
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/v{kind}"

    def healthy() -> bool:
        try:
            return bool(urllib.request.urlopen(f"{url}/health", timeout=2).read() == b"OK")
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            return False

    try:
        wait_for(f"the server of {kind}", healthy)
        yield url
    finally:
        process.terminate()
        process.wait(20)
