"""`staddle-console`: the console's server as a program of its own."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.console.app import App
from staddle.console.assets import FOLDER, Assets, are_built
from staddle.console.catalogue import Catalogue
from staddle.console.databases import Database, Databases
from staddle.dashboards import shipped
from staddle.errors import StaddleError
from staddle.logs.errors import FlagError
from staddle.logs.flags import Flag, Flags, help_text, parse_bool, split_address
from staddle.logs.http.server import Server, ServerOptions
from staddle.logs.metrics import Metrics
from staddle.process_metrics import process_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USAGE = """staddle-console serves Staddle's web console: dashboards and explore pages, over the stores behind the portal.

    staddle-console -config=FILE [-httpListenAddr=[HOST]:PORT] [flags]

Flags:"""
FLAGS = (
    Flag("httpListenAddr", "127.0.0.1:3080", "address to listen on", many=True),
    Flag("config", "", "JSON file: what the pages are told (`pages`), and databases to ask (`databases`)"),
    Flag("dashboards", "", "directory of dashboards of your own, as JSON files", many=True),
    Flag("assets", str(FOLDER), "directory of the built pages"),
    Flag("help", "false", "print this", parse_bool),
    Flag("h", "false", "print this", parse_bool),
)

log = logging.getLogger("staddle.console")


def settings(path: str) -> tuple[Mapping[str, Any], dict[str, Database]]:
    """What the pages are told, and the databases. Raises FlagError."""
    if not path:
        return {}, {}
    try:
        data = json.loads(Path(path).read_bytes())
        databases = [Database(**item) for item in data.get("databases", ())]
        return data.get("pages", {}), {item.uid: item for item in databases}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise FlagError(f"can't use {path}: {error}") from None


def _shipped() -> list[tuple[str, Mapping[str, Any]]]:
    """(folder, JSON) of the dashboards that come with Staddle; a checkout may not have built them."""
    try:
        return [(board.folder, board.data()) for board in shipped()]
    except StaddleError as error:
        log.warning("%s (%s)", error.message, error.hint)
        return []


def serve(flags: Flags) -> int:
    """Run until SIGTERM or SIGINT; the exit status. Raises FlagError, OSError."""
    folder = Path(flags["assets"])
    if not are_built(folder):
        raise FlagError(f"{folder} has no pages: they are built by `make console`")
    pages, databases = settings(flags["config"])
    metrics = Metrics("console")
    metrics.gauges(process_values)
    catalogue = Catalogue(_shipped(), [Path(path) for path in flags["dashboards"]])
    app = App(Assets(folder), catalogue, Databases(databases), metrics, pages)
    server = Server(app.handle, ServerOptions())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for address in flags["httpListenAddr"]:
        log.info("serving HTTP on %s (port %d)", address, server.listen(*split_address(address)))
    for problem in catalogue.all()[1]:
        log.warning("dashboard %s", problem)
    # A wait without a timeout would keep Python from running signal handlers on some systems.
    while not stop.wait(1.0):
        pass
    server.stop(5.0)
    log.info("stopped")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit status: 0 good, 1 failed, 2 bad flags."""
    try:
        flags = Flags(FLAGS, sys.argv[1:] if argv is None else argv, os.environ)
    except FlagError as error:
        sys.stderr.write(f"staddle-console: {error}\n")
        return 2
    if flags["help"] or flags["h"]:
        sys.stdout.write(help_text(FLAGS, USAGE))
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        return serve(flags)
    except (FlagError, OSError) as error:
        log.critical("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
