"""`ansible-playbook` as a child of this process, and what it prints."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@contextlib.contextmanager
def playing(arguments: Sequence[str], env: Mapping[str, str]) -> Iterator[Iterator[str]]:
    """Its output, standard error included, line by line. Left early, it is ended.

    The child is a fork: what this process has loaded (our modules, the inventory) it need not load again, which is half of
    its start. Nothing may run in other threads at that moment.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _become_ansible(arguments, env, writer)
    os.close(writer)
    ended = False
    try:
        with open(reader, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - a descriptor
            yield iter(lines)
            ended = not lines.read()
    finally:
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _become_ansible(arguments: Sequence[str], env: Mapping[str, str], output: int) -> NoReturn:
    """In the child: never returns."""
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.environ.update(env)
        sys.argv = ["ansible-playbook", *arguments]
        # It reads its environment when it is loaded.
        from ansible.cli.playbook import main  # noqa: PLC0415

        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the parent shows what was printed
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            # Ansible's temporary directories go. Only the child's own end may be made here, not that of our callers.
            atexit._run_exitfuncs()  # noqa: SLF001
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
