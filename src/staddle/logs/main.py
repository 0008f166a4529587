"""`staddle-logs`: the log store as a program of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from staddle.logs.app import App
from staddle.logs.insert.syslog_server import start_syslog
from staddle.logs.program import Program, run
from staddle.logs.settings import FLAGS, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.flags import Flags
    from staddle.logs.program import Listener


def _listen(flags: Flags, app: App) -> Sequence[Listener]:
    return (start_syslog(flags, app.sink, app.defaults),)


PROGRAM = Program("staddle-logs", USAGE, FLAGS, App, listen=_listen)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    return run(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
