"""Action `staddle.infra.fleet`: the steps of a run that happen on the ADMIN node, once for all hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from staddle.ansible import steps
from staddle.ansible.context import Variables
from staddle.drive import plans
from staddle.drive.rundir import RunDirectory
from staddle.errors import StaddleError


class ActionModule(ActionBase):
    """`step`: begin, compile, compile_again, gate or end."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"step", "changing"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = Variables(task_vars or {}, self._templar.template)
        try:
            return {**result, **self._step(variables)}
        except StaddleError as error:
            return {**result, "failed": True, "msg": steps.explain(error), "fatal": True}

    def _step(self, variables: Variables) -> dict[str, Any]:
        step = self._task.args["step"]
        if step == "begin":
            changing = bool(self._task.args.get("changing")) and not self._task.check_mode
            tags = [*variables.tags, *variables.skipped]
            run, warnings = steps.begin(variables.inventory, variables.text("staddle_run"), tags, changing=changing)
            return {"changed": False, "ansible_facts": {"staddle_run": str(run.path)}, "warnings": warnings}
        run = RunDirectory(Path(variables.required("staddle_run")))
        if step in {"compile", "compile_again"}:
            do = steps.compile_all if step == "compile" else steps.compile_again
            compiled = do(run, variables.inventory)
            if compiled is None:
                return {"changed": False, "skipped": True, "skip_reason": "all package sources are as they were"}
            warnings = [f"{ip}: {reason}" for ip, reasons in compiled["warnings"].items() for reason in reasons]
            return {"changed": False, "msg": compiled["notes"], "warnings": warnings}
        if step == "gate":
            saved, ask = variables.text("staddle_plan"), variables.text("staddle_ask")
            if saved:
                steps.gate(run, variables.inventory, Path(saved))
            if ask:
                plans.await_agreement(run)
            return {"changed": False, "skipped": not (saved or ask)}
        if not variables.text("staddle_keep"):
            run.remove()
        return {"changed": False}
