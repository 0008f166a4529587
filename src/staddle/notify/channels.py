"""The services: what each is sent, and how it says that it took it. Sources: their pages for robots and webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .message import Message

TIMEOUT = 10.0
TEXT_LIMIT = {"dingtalk": 18_000, "feishu": 18_000, "wecom": 4_000, "ntfy": 4_000}
"""Bytes of UTF-8 (wecom and ntfy say 4096)."""


class DeliveryError(Exception):
    """The service did not take it. `permanent`: nor will it take the same again."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


def deliver(settings: Mapping[str, str], told: Message, now: float) -> None:
    """Tell the service. `now` is seconds since the epoch, for signatures. Raises DeliveryError."""
    kind = settings["type"]
    url, body, headers = _CHANNELS[kind](settings, told, now)
    answer = _post(url, body, headers)
    # These answer 200 whatever happens, and say in JSON how it went.
    code = answer.get("errcode", answer.get("code", 0))
    if code:
        raise DeliveryError(f"{kind} answered {code}: {answer.get('errmsg') or answer.get('msg') or ''}")


def _dingtalk(settings: Mapping[str, str], told: Message, now: float) -> tuple[str, Any, dict[str, str]]:
    url = settings["url"]
    if secret := settings.get("secret"):
        stamp = str(int(now * 1000))
        digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
        url += "&" if "?" in url else "?"
        url += urllib.parse.urlencode({"timestamp": stamp, "sign": base64.b64encode(digest).decode()})
    text = f"### {told.title}\n\n{_lines(told, 'dingtalk')}"
    return url, {"msgtype": "markdown", "markdown": {"title": told.title, "text": text}}, {}


def _feishu(settings: Mapping[str, str], told: Message, now: float) -> tuple[str, Any, dict[str, str]]:
    color = "green" if told.status == "resolved" else {"CRIT": "red", "INFO": "blue"}.get(told.severity, "orange")
    card = {
        "header": {"title": {"tag": "plain_text", "content": told.title}, "template": color},
        "elements": [
            {"tag": "div", "text": {"tag": "plain_text", "content": _cut(told.text, "feishu")}},
            {"tag": "action", "actions": [_feishu_button(told)]},
        ],
    }
    body: dict[str, Any] = {"msg_type": "interactive", "card": card}
    if secret := settings.get("secret"):
        stamp = str(int(now))
        digest = hmac.new(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
        body = {"timestamp": stamp, "sign": base64.b64encode(digest).decode(), **body}
    return settings["url"], body, {}


def _feishu_button(told: Message) -> dict[str, Any]:
    return {
        "tag": "button",
        "text": {"tag": "plain_text", "content": "What to do"},
        "url": told.link,
        "type": "default",
    }


def _wecom(settings: Mapping[str, str], told: Message, now: float) -> tuple[str, Any, dict[str, str]]:
    del now
    color = "info" if told.status == "resolved" else "warning"
    head = f'## <font color="{color}">{told.title}</font>\n'
    return settings["url"], {"msgtype": "markdown", "markdown": {"content": head + _cut(told.text, "wecom", head)}}, {}


def _ntfy(settings: Mapping[str, str], told: Message, now: float) -> tuple[str, Any, dict[str, str]]:
    del now
    base, _, topic = settings["url"].rstrip("/").rpartition("/")
    firing = told.status != "resolved"
    body = {
        "topic": topic,
        "title": told.title,
        "message": _cut(told.text, "ntfy"),
        "priority": {"CRIT": 5, "WARN": 4}.get(told.severity, 3) if firing else 2,
        "tags": ["rotating_light" if told.severity == "CRIT" else "warning"] if firing else ["white_check_mark"],
        "click": told.link,
    }
    token = settings.get("token")
    return f"{base}/", body, {"Authorization": f"Bearer {token}"} if token else {}


_CHANNELS: Mapping[str, Callable[[Mapping[str, str], Message, float], tuple[str, Any, dict[str, str]]]] = {
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "wecom": _wecom,
    "ntfy": _ntfy,
}


def _lines(told: Message, kind: str) -> str:
    """For markdown that joins lines."""
    return _cut(told.text, kind).replace("\n", "  \n")


def _cut(text: str, kind: str, before: str = "") -> str:
    limit = TEXT_LIMIT[kind] - len(before.encode())
    encoded = text.encode()
    return text if len(encoded) <= limit else f"{encoded[: limit - 3].decode('utf-8', 'ignore')}…"


def _post(url: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    data = json.dumps(body, ensure_ascii=False).encode()
    request = urllib.request.Request(  # noqa: S310 - the operator's own URL
        url, data, {"Content-Type": "application/json; charset=utf-8", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            said = answer.read(65_536)
    except urllib.error.HTTPError as error:
        said = error.read(300)
        permanent = 400 <= error.code < 500 and error.code != 429
        raise DeliveryError(f"HTTP {error.code}: {said.decode('utf-8', 'replace')}", permanent=permanent) from error
    except OSError as error:
        # Not with its URL, which is a secret.
        raise DeliveryError(f"no answer: {getattr(error, 'reason', None) or error}") from error
    try:
        parsed = json.loads(said or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
