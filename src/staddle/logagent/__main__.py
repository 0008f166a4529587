"""Runs syslog-ng as the log agent: `python -m logagent CONFIGURATION --listen ADDRESS:PORT`.

It ends when syslog-ng ends, and syslog-ng ends when it does, however that comes about: what supervises it starts both again.
SIGHUP makes both read their configuration again.
"""

from __future__ import annotations

import argparse
import sys

from .agent import Agent, Configuration
from .control import ControlError
from .web import serve


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="logagent", description="Runs syslog-ng as the log agent of this host.")
    parser.add_argument("configuration", help="JSON file that says what to run and what to read")
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT", help="where /metrics and /health are served")
    parser.add_argument("--metrics-path", default="/metrics")
    options = parser.parse_args(arguments)
    try:
        agent = Agent(options.configuration, Configuration.read(options.configuration))
        serve(agent, options.listen, options.metrics_path)
        return agent.run()
    except (OSError, ValueError, KeyError, ControlError) as error:
        print(f"logagent: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
