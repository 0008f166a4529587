"""Callback `staddle.infra.events`: what happens, as one JSON object a line on standard output, for our command line."""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: events
type: stdout
short_description: One JSON object a line
description:
  - What C(staddle plan) and C(staddle apply) make their progress and their tables of.
"""

_SHOWN = ("changed", "failed", "skipped", "msg", "components", "warnings", "fatal")


class CallbackModule(CallbackBase):
    """Only results of our own actions matter."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "staddle.infra.events"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._say("task", "", task, {})

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result)

    def _result(self, outcome: str, result: Any) -> None:
        data = {key: result._result[key] for key in _SHOWN if key in result._result}
        self._say(outcome, result._host.get_name(), result._task, data)

    @staticmethod
    def _say(event: str, host: str, task: Any, data: dict[str, Any]) -> None:
        arguments = task.args if isinstance(task.args, dict) else {}
        step = str(arguments.get("do") or arguments.get("step") or "")
        line = {"event": event, "host": host, "step": step, "phase": str(arguments.get("phase") or ""), **data}
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()
