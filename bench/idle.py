#!/usr/bin/env python3
"""Memory of the stores while nothing comes and nothing is asked: RSS, and what is the process's own, in MB.

    idle.py [--seconds 30]

Right after the start there is a worker as well, which ends when there was nothing for it to do for 20 seconds.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import psutil
from server import Server

PROGRAMS = ("staddle.logs.main", "staddle.traces.main")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="memory of idle stores")
    parser.add_argument("--seconds", type=float, default=30)
    wait = parser.parse_args().seconds
    for program in PROGRAMS:
        with tempfile.TemporaryDirectory() as scratch:
            server = Server(program, [sys.executable, "-m", program], pathlib.Path(scratch) / "data")
            server.start()
            if server.process is None:
                sys.exit("it does not run")
            for when in (2.0, wait):
                time.sleep(when)
                main_process = psutil.Process(server.process.pid)
                for process in (main_process, *main_process.children()):
                    what = "server" if process == main_process else "worker"
                    memory = process.memory_full_info()
                    print(f"{program} after {when:.0f} s: {what} RSS {memory.rss >> 20}, own {memory.uss >> 20}")
            server.stop()


if __name__ == "__main__":
    main()
