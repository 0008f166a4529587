"""Action `staddle.infra.converge`: asks one host's converge program, which goes there with the request, for one thing.

Both travel over the connection's standard input: no temporary file, no module to copy, nothing left behind if the
connection breaks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

from staddle.ansible import steps
from staddle.ansible.context import Variables
from staddle.ansible.hosts import OPERATIONS, Task
from staddle.ansible.stream import listening
from staddle.drive import remote
from staddle.drive.fleet import EVENTS
from staddle.drive.rundir import RunDirectory
from staddle.errors import StaddleError


class ActionModule(ActionBase):
    """`do`: facts, plan, apply, finish, drift, status, doctor, rollback or remove. See `modules/converge.py`."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = Variables(task_vars or {}, self._templar.template)
        options = {key: value for key, value in self._task.args.items() if key != "do"}
        operation = OPERATIONS.get(str(self._task.args.get("do")))
        if operation is None:
            return {**result, "failed": True, "msg": f"`do` must be one of {', '.join(OPERATIONS)}"}
        task = Task(
            host=variables.required("inventory_hostname"),
            run=RunDirectory(Path(variables.required("staddle_run"))),
            inventory=variables.inventory,
            exchange=lambda payload: self._exchange(variables, payload),
            check=bool(self._task.check_mode),
            tags=variables.tags,
            skipped=variables.skipped,
            options=options,
        )
        try:
            done = operation(task)
        except StaddleError as error:
            done = {"failed": True, "msg": steps.explain(error)}
        if not self._task.diff:
            done.pop("diff", None)
        return {**result, **done}

    def _tell(self, variables: Variables, event: dict[str, Any]) -> None:
        """Progress for our command line, which reads what we print; for others it would be noise."""
        if constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK") == EVENTS:
            about = {"host": variables.required("inventory_hostname"), "step": str(self._task.args["do"])}
            line = {"event": "converge", **about, "phase": str(self._task.args.get("phase") or ""), **event}
            self._display.display(json.dumps(line))

    def _exchange(self, variables: Variables, payload: bytes) -> tuple[int, str, str]:
        python = variables.text("ansible_python_interpreter") or "auto"
        # Asking which Python there is would be a round trip of its own; every distribution we know has this one.
        command = remote.command(remote.PYTHON if python.startswith("auto") else python)
        with listening(self._connection, lambda event: self._tell(variables, event)):
            done = self._low_level_execute_command(command, in_data=payload, sudoable=True)
        return int(done["rc"]), str(done["stdout"]), str(done["stderr"])
