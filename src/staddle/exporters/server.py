"""`/metrics` and `/health` of an exporter, behind TLS if it is told so."""

from __future__ import annotations

import json
import logging
import os
import pwd
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.exporters.exposition import CONTENT_TYPE, render
from staddle.logagent.guard import Answering, GuardedServer, guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from staddle.exporters.exposition import Family


def settings_of(path: str) -> dict[str, Any]:
    """The settings file. Raises OSError or ValueError."""
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def server(settings: Mapping[str, Any], collect: Callable[[], Iterable[Family]]) -> GuardedServer:
    """Listens as `listen`, `path` and `tls` of the settings say. Raises OSError."""
    path = settings["path"]

    class Handler(Answering):
        def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
            if self.path == path:
                self.answer(200, render(collect()), CONTENT_TYPE)
            elif self.path == "/health":
                self.answer(200, "OK\n")
            else:
                self.answer(404, f"There are {path} and /health.\n")

    host, _, port = settings["listen"].rpartition(":")
    made = GuardedServer((host.strip("[]"), int(port)), Handler)
    made.guard = guard(settings["tls"]) if settings.get("tls") else None
    return made


def serve(
    settings: Mapping[str, Any], collect: Callable[[], Iterable[Family]], begin: Callable[[], None] = lambda: None
) -> None:
    """Until SIGTERM. Raises OSError if it can't listen.

    With a `user` in the settings, it goes on as that one once it listens and has read its key; `begin` comes after that.
    """
    logging.basicConfig(
        format="%(asctime)s,%(msecs)03d %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=20
    )
    made = server(settings, collect)
    if settings.get("user"):
        _become(settings["user"])
    begin()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=made.shutdown).start())
    logging.getLogger("staddle.exporters").info("listening on %s", settings["listen"])
    made.serve_forever()


def _become(name: str) -> None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ValueError(f"there is no user {name}") from None
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=name, LOGNAME=name)
