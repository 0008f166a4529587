"""A service as a program section for supervisord (http://supervisord.org/configuration.html).

Programs don't start by themselves: converge starts them, in its order. From then on they're kept running.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staddle.components.base import ServiceSpec
    from staddle.manifest.layout import Layout

PROGRAMS = "/etc/supervisor/conf.d"
MARKER = "STADDLE_SANDBOX"
"""Environment variable of every child, so that leftovers of a killed supervisor can be told from other processes."""
LOG_BYTES, LOG_BACKUPS = "10MB", 3


def definition_path(layout: Layout, name: str) -> str:
    return f"{layout.at(PROGRAMS)}/{name}.conf"


def definition(layout: Layout, spec: ServiceSpec, *, order: int, note: str) -> bytes:
    """The section. `order` decides who is stopped first: the highest."""
    environment = {**spec.environment, MARKER: layout.root}
    lines = [
        f"; {note}",
        f"[program:{spec.name}]",
        f"command={_escape(shlex.join(spec.argv))}",
        f"directory={_escape(spec.directory or layout.root)}",
        f"environment={_escape(_environment(environment))}",
        f"priority={order}",
        "autostart=false",
        "autorestart=true",
        # Waits one second longer after each failure, so this is a good half hour of trying.
        "startretries=60",
        "startsecs=1",
        "stopsignal=TERM",
        f"stopwaitsecs={round(spec.stop_timeout)}",
        "stopasgroup=false",
        "killasgroup=true",
        f"redirect_stderr={'false' if spec.stdout_log else 'true'}",
    ]
    streams = {"stdout": spec.stdout_log or spec.name}
    if spec.stdout_log:
        streams["stderr"] = spec.name
    for stream, log in streams.items():
        lines += [
            f"{stream}_logfile={_escape(layout.log(log))}",
            f"{stream}_logfile_maxbytes={LOG_BYTES}",
            f"{stream}_logfile_backups={LOG_BACKUPS}",
        ]
    return ("\n".join(lines) + "\n").encode()


def _environment(values: dict[str, str]) -> str:
    return ",".join(f'{key}="{value}"' for key, value in sorted(values.items()))


def _escape(text: str) -> str:
    """Supervisor expands %(…)s everywhere and takes ` ;` for a comment."""
    return text.replace("%", "%%")
