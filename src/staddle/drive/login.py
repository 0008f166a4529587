"""How to get into hosts, beyond what the inventory says: Ansible's usual options, handed on as it takes them.

Passwords never stand on a command line or in a file: `ansible-playbook` reads each from a named pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from staddle.errors import FleetError
from staddle.inventory.schema import FIELDS

if TYPE_CHECKING:
    from staddle.drive.rundir import RunDirectory


@dataclass(frozen=True, slots=True)
class Login:
    """What the user said. As with Ansible, the inventory's own variables go before `user`, `private_key` and
    `become_method`, and `extra` (`name=value`, JSON or `@file`) before everything.
    """

    user: str | None = None
    private_key: Path | None = None
    become_method: str | None = None
    extra: tuple[str, ...] = ()
    password: str | None = None
    become_password: str | None = None

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"

    def arguments(self, run: RunDirectory) -> list[str]:
        """For `ansible-playbook`. Passwords are named pipes in the run's directory: see `feed`. Raises FleetError."""
        argv = ["--user", self.user] if self.user else []
        argv += ["--private-key", str(self.private_key)] if self.private_key else []
        argv += ["--become-method", self.become_method] if self.become_method else []
        for number, words in enumerate(self.extra):
            # They may be secrets, and a command line is everybody's to read.
            run.put("extra", str(number), _variables(words))
            argv += ["--extra-vars", f"@{run.path / f'extra.{number}.json'}"]
        for what in self._passwords:
            os.mkfifo(_pipe(run, what), 0o600)
            argv += [f"--{what}-password-file", str(_pipe(run, what))]
        return argv

    def feed(self, run: RunDirectory) -> None:
        """Let the `ansible-playbook` that was started with `arguments` read the passwords, whenever it comes to that."""
        for option, password in self._passwords.items():
            # Opening a pipe waits for its reader.
            threading.Thread(target=_write, args=(_pipe(run, option), password), daemon=True).start()

    @property
    def _passwords(self) -> dict[str, str]:
        given = {"connection": self.password, "become": self.become_password}
        return {what: password for what, password in given.items() if password is not None}


def _pipe(run: RunDirectory, what: str) -> Path:
    return run.path / f"{what}-password"


def _write(pipe: Path, password: str) -> None:
    with contextlib.suppress(OSError):  # the run has ended before it read that
        pipe.write_text(f"{password}\n", encoding="utf-8")


def _variables(words: str) -> dict[str, Any]:
    """Extra variables in any of Ansible's forms. Raises FleetError; our parameters belong in the inventory."""
    try:
        if words.startswith("@"):
            data = yaml.safe_load(Path(words[1:]).read_text(encoding="utf-8"))
        elif words.lstrip().startswith("{"):
            data = yaml.safe_load(words)
        else:
            pairs = [word.partition("=") for word in shlex.split(words)]
            if not all(name.isidentifier() and equals for name, equals, _ in pairs):
                raise FleetError(f"--extra-vars: {words!r} is none of name=value, JSON or @file")
            data = {name: value for name, _, value in pairs}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FleetError(f"--extra-vars: {error}") from error
    if not isinstance(data, dict):
        raise FleetError("--extra-vars: that is no mapping of names to values")
    plain: dict[str, Any] = json.loads(json.dumps(data, default=str))
    if ours := sorted(set(plain) & set(FIELDS)):
        raise FleetError(
            f"--extra-vars sets {', '.join(ours)}: parameters of Staddle are read from the inventory only",
            hint="what hosts shall be must be in one place, or nobody knows it afterwards",
        )
    return plain
