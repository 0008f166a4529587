"""Asking and telling Alertmanager over its API (v2): alerts, silences, test messages."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import re
import socket
import time
import urllib.parse
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from staddle.alerting.matching import parse_matcher
from staddle.alerting.routing import TEST_LABEL
from staddle.drive.portal import Endpoint, portals
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from staddle.drive.sandbox import Sandbox
    from staddle.inventory.fleet import Fleet

TIMEOUT = 15.0
DELIVERY_TIMEOUT = 40.0
"""The second Alertmanager of several waits 15 s for the first."""
PATH = "/alertmgr"
_COUNTER = re.compile(r"^alertmanager_notifications(_failed)?_total\{([^}]*)\} (\S+)$", re.MULTILINE)


class AlertmanagerError(StaddleError):
    """Alertmanager does not answer, or not as asked."""


class Alertmanager:
    """One Alertmanager. `where` names it to people."""

    def __init__(self, endpoint: Endpoint, where: str = "") -> None:
        self._endpoint = endpoint
        self.where = where

    @classmethod
    def of_sandbox(cls, sandbox: Sandbox) -> Alertmanager:
        """That of the sandbox. Raises AlertmanagerError if it has none."""
        row = next((row for row in sandbox.applied()["rows"] if row.component == "alertmanager"), None)
        if row is None:
            raise AlertmanagerError("this sandbox has no Alertmanager", hint="alertmanager_enabled: true")
        return cls(Endpoint.of_url(row.health["url"].removesuffix("/-/ready")))

    @classmethod
    def of_fleet(cls, fleet: Fleet, inventory: Path) -> Alertmanager:
        """The first of the fleet's that answers: they tell each other what they are told. Raises StaddleError."""
        found = [pair for pair in portals(fleet, inventory) if pair[0].params.alertmanager_enabled]
        if not found:
            raise AlertmanagerError("no INFRA node has an Alertmanager", hint="alertmanager_enabled: true")
        reasons = []
        for node, endpoint in found:
            manager = cls(replace(endpoint, prefix=PATH), node.ip)
            try:
                manager._call("GET", "-/ready")
            except AlertmanagerError as error:
                reasons.append(f"{node.ip}: {error.message}")
            else:
                return manager
        raise AlertmanagerError("\n".join(reasons), hint="`staddle status -i …` says more")

    def alerts(self) -> list[dict[str, Any]]:
        """All that are active, silenced and held back ones included."""
        found: list[dict[str, Any]] = self._ask("GET", "api/v2/alerts")
        return sorted(found, key=lambda alert: (alert["labels"].get("alertname", ""), sorted(alert["labels"].items())))

    def silences(self) -> list[dict[str, Any]]:
        """Those that are in force, or will be."""
        found: list[dict[str, Any]] = self._ask("GET", "api/v2/silences")
        return [silence for silence in found if silence["status"]["state"] != "expired"]

    def silence(self, matchers: Sequence[str], seconds: float, comment: str) -> str:
        """Tell nobody about alerts that fit all matchers for so long. Gives the silence's id.

        Raises AlertmanagerError, also for matchers that can't be read.
        """
        now = dt.datetime.now(dt.UTC)
        body = {
            "matchers": [_as_data(text) for text in matchers],
            "startsAt": now.isoformat(),
            "endsAt": (now + dt.timedelta(seconds=seconds)).isoformat(),
            "createdBy": f"{getpass.getuser()}@{socket.gethostname()}",
            "comment": comment,
        }
        made: dict[str, str] = self._ask("POST", "api/v2/silences", body)
        return made["silenceID"]

    def unsilence(self, silence: str) -> None:
        """End a silence."""
        self._ask("DELETE", f"api/v2/silence/{urllib.parse.quote(silence)}")

    def test(self, receiver: str) -> None:
        """Have a marked test message sent to one receiver, and wait until it went out. Raises AlertmanagerError."""
        if receiver not in {found["name"] for found in self._ask("GET", "api/v2/receivers")}:
            raise AlertmanagerError(f"Alertmanager knows no receiver {receiver}", hint="was it applied?")
        before, failed_before = self._counts()
        self._post_test(receiver, over=False)
        deadline = time.monotonic() + DELIVERY_TIMEOUT
        try:
            while time.monotonic() < deadline:
                sent, failed = self._counts()
                if failed > failed_before:
                    raise AlertmanagerError(
                        f"a message to {receiver} failed", hint="`staddle logs alertmanager` has the reason"
                    )
                if sent > before:
                    return
                time.sleep(0.3)
            raise AlertmanagerError(
                f"no message to {receiver} went out within {DELIVERY_TIMEOUT:.0f} s",
                hint="`staddle logs alertmanager` says more",
            )
        finally:
            self._post_test(receiver, over=True)

    def _post_test(self, receiver: str, *, over: bool) -> None:
        now = dt.datetime.now(dt.UTC)
        alert: dict[str, Any] = {
            "labels": {"alertname": "TestMessage", TEST_LABEL: receiver, "severity": "INFO"},
            "annotations": {
                "summary": f"This is a test of {receiver}",
                "description": f"Sent by {getpass.getuser()} with `staddle alerts test`. Nothing is wrong.",
            },
            "endsAt": (now if over else now + dt.timedelta(minutes=5)).isoformat(),
        }
        self._ask("POST", "api/v2/alerts", [alert])

    def _counts(self) -> tuple[float, float]:
        """Notifications sent, and those that failed, since its start."""
        sums = {"": 0.0, "_failed": 0.0}
        for failed, _, value in _COUNTER.findall(self._call("GET", "metrics").decode()):
            sums[failed] += float(value)
        return sums[""], sums["_failed"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._call(method, path, body)
        return json.loads(answer) if answer.strip() else None

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        try:
            status, said = self._endpoint.call(method, path, data, TIMEOUT)
        except OSError as error:
            raise AlertmanagerError(
                f"Alertmanager does not answer: {error}", hint="`staddle status` says why"
            ) from error
        if status == HTTPStatus.UNAUTHORIZED:
            raise AlertmanagerError(
                "the portal does not accept this login", hint="it is that of nginx_users, as of the last apply"
            )
        if status >= HTTPStatus.BAD_REQUEST:
            raise AlertmanagerError(f"Alertmanager refused: {said.decode(errors='replace').strip()[:500]}")
        return said


def _as_data(text: str) -> dict[str, Any]:
    try:
        found = parse_matcher(text)
    except ValueError as error:
        hint = 'as in severity="WARN" or ins=~"pg-test-.*"'
        raise AlertmanagerError(f"{text!r} {error}", hint=hint) from None
    equal, pattern = not found.operator.startswith("!"), "~" in found.operator
    return {"name": found.label, "value": found.value, "isEqual": equal, "isRegex": pattern}
