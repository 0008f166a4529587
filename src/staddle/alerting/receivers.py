"""Receivers: what each type needs, and how Alertmanager is told about it.

Four of the services Alertmanager doesn't speak to; for them it tells Staddle's bridge (`staddle.notify`), over loopback.
Whatever is secret is in a file of its own, and never in the configuration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from staddle.inventory.parameters import AlertReceiver

COMMON = {"type", "send_resolved"}


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of the inventory a type needs, and which it takes beside those."""

    needs: tuple[str, ...]
    takes: tuple[str, ...] = ()


TYPES: Mapping[str, Fields] = {
    "webhook": Fields(("url",)),
    "email": Fields(("to", "sender", "smarthost"), ("username", "password", "require_tls")),
    "slack": Fields(("url",), ("channel",)),
    "pagerduty": Fields(("token",), ("url",)),
    "opsgenie": Fields(("token",), ("url",)),
    "telegram": Fields(("token", "chat_id"), ("url",)),
    "msteams": Fields(("url",)),
    "dingtalk": Fields(("url",), ("secret",)),
    "feishu": Fields(("url",), ("secret",)),
    "wecom": Fields(("url",)),
    "ntfy": Fields(("url",), ("token",)),
}
BRIDGED = {"dingtalk", "feishu", "wecom", "ntfy"}
MSTEAMS_V2 = (0, 28)
"""The Alertmanager that knows Teams' workflows; Microsoft has switched off what came before."""

TITLE, TEXT, HTML = (f'{{{{ template "staddle.{name}" . }}}}' for name in ("title", "text", "html"))
SEVERITY = '{{ template "staddle.severity" . }}'


def secret_files(name: str, receiver: AlertReceiver) -> dict[str, bytes]:
    """The files that its part of the configuration leads to, by name."""
    if receiver.type in BRIDGED:
        return {}
    secrets = {
        "webhook": {"url": receiver.url},
        "slack": {"url": receiver.url},
        "msteams": {"url": receiver.url},
        "email": {"password": receiver.password},
    }.get(receiver.type, {"token": receiver.token})
    return {f"{name}.{kind}": f"{_plain(value)}\n".encode() for kind, value in secrets.items() if value}


def bridge_settings(receivers: Mapping[str, AlertReceiver]) -> bytes | None:
    """What the bridge has to know, as JSON: a secret. None if nothing is bridged."""
    bridged = {
        name: {
            "type": receiver.type,
            "url": _plain(receiver.url),
            **({"secret": _plain(receiver.secret)} if receiver.secret else {}),
            **({"token": _plain(receiver.token)} if receiver.token else {}),
        }
        for name, receiver in sorted(receivers.items())
        if receiver.type in BRIDGED
    }
    return (json.dumps(bridged, indent=1) + "\n").encode() if bridged else None


def integration(  # noqa: PLR0911 - one case each
    name: str, receiver: AlertReceiver, *, secrets: str, bridge: str, release: tuple[int, ...]
) -> tuple[str, dict[str, Any]]:
    """The key of a receiver in Alertmanager's configuration (`email_configs`), and what stands there."""
    kind = receiver.type
    common = {"send_resolved": receiver.send_resolved}
    api = {"api_url": _plain(receiver.url)} if receiver.url else {}
    match kind:
        case "webhook":
            return "webhook_configs", {**common, "url_file": f"{secrets}/{name}.url"}
        case "email":
            return "email_configs", {**common, **_mail(name, receiver, secrets)}
        case "slack":
            channel = {"channel": receiver.channel} if receiver.channel else {}
            color = '{{ template "staddle.color" . }}'
            shown = {"title": TITLE, "title_link": '{{ template "staddle.link" . }}', "text": TEXT, "color": color}
            return "slack_configs", {**common, "api_url_file": f"{secrets}/{name}.url", **channel, **shown}
        case "pagerduty":
            where = {"url": api["api_url"]} if api else {}
            own = {"routing_key_file": f"{secrets}/{name}.token", "description": TITLE, "severity": SEVERITY}
            client = {"client": "Staddle", "client_url": "{{ .ExternalURL }}", "details": {"message": TEXT}}
            return "pagerduty_configs", {**common, **where, **own, **client}
        case "opsgenie":
            own = {"api_key_file": f"{secrets}/{name}.token", "message": TITLE, "description": TEXT}
            return "opsgenie_configs", {**common, **api, **own, "priority": '{{ template "staddle.priority" . }}'}
        case "telegram":
            message = {"message": f"{TITLE}\n{TEXT}", "parse_mode": ""}
            own = {"bot_token_file": f"{secrets}/{name}.token", **message}
            return "telegram_configs", {**common, **api, **own, "chat_id": receiver.chat_id}
        case "msteams":
            key = "msteamsv2_configs" if release >= MSTEAMS_V2 else "msteams_configs"
            return key, {**common, "webhook_url_file": f"{secrets}/{name}.url", "title": TITLE, "text": TEXT}
        case "dingtalk" | "feishu" | "wecom" | "ntfy":
            return "webhook_configs", {**common, "url": f"{bridge}/{name}"}


def _mail(name: str, receiver: AlertReceiver, secrets: str) -> dict[str, Any]:
    login: dict[str, Any] = {}
    if receiver.username:
        login["auth_username"] = receiver.username
    if receiver.password:
        login["auth_password_file"] = f"{secrets}/{name}.password"
    return {
        "to": ", ".join(receiver.to),
        "from": receiver.sender,
        "smarthost": receiver.smarthost,
        "require_tls": receiver.require_tls,
        **login,
        "headers": {"Subject": TITLE},
        "text": TEXT,
        "html": HTML,
    }


def _plain(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
