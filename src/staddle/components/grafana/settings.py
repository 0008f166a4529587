"""grafana.ini: only what differs from Grafana's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.manifest.layout import LOOPBACK

if TYPE_CHECKING:
    from staddle.components.base import Context

USER = "grafana"
HOME = "/usr/share/grafana"
SECRET_KEY = "grafana-secret-key"  # noqa: S105 - the name of a secret
ADMIN_PASSWORD = "grafana-admin-password"  # noqa: S105


def grafana_ini(ctx: Context, data: str) -> str:
    """The configuration. Secrets are in files of their own, which it names."""
    sections: dict[str, dict[str, str]] = {
        "server": {
            "http_addr": LOOPBACK if ctx.closed else ctx.bind,
            "http_port": str(ctx.port(ctx.params.grafana_port)),
            "root_url": f"{ctx.portal_url}/ui/",
            "serve_from_sub_path": "true",
        },
        "paths": {
            "data": data,
            "logs": ctx.at("/var/log/grafana"),
            "plugins": f"{data}/plugins",
            "provisioning": ctx.at("/etc/grafana/provisioning"),
        },
        "database": _database(ctx),
        "security": {
            # Both count for the first start only, when the administrator is made.
            "admin_user": _value(ctx.params.grafana_admin_username),
            "admin_password": _file(ctx, "admin-password"),
            "secret_key": _file(ctx, "secret-key"),
            "cookie_secure": str(ctx.portal_url.startswith("https://")).lower(),
            "disable_gravatar": "true",
        },
        "users": {"allow_sign_up": "false", "viewers_can_edit": "false"},
        "auth.anonymous": {"enabled": "false"},
        "auth.proxy": _proxy(ctx),
        "dashboards": {"default_home_dashboard_path": ctx.at("/etc/grafana/dashboards/home/home.json")},
        # Nothing is asked of, or told to, anybody outside.
        "analytics": {
            "reporting_enabled": "false",
            "check_for_updates": "false",
            "check_for_plugin_updates": "false",
            "feedback_links_enabled": "false",
        },
        "news": {"news_feed_enabled": "false"},
        "plugins": {
            "plugin_admin_enabled": "false",
            "preinstall_disabled": "true",
            "public_key_retrieval_disabled": "true",
        },
        # Alerts are vmalert's.
        "unified_alerting": {"enabled": "false"},
        "log": {"mode": "console"},
    }
    lines = ["; Managed by Staddle. What is not here has Grafana's default."]
    for name, values in sections.items():
        if values:
            lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _database(ctx: Context) -> dict[str, str]:
    if not ctx.params.grafana_pgurl:
        return {"type": "sqlite3", "wal": "true"}
    # Several may share it: who comes second waits until the first has made or changed its tables.
    return {
        "type": "postgres",
        "url": _file(ctx, "database-url"),
        "migration_locking": "true",
        "locking_attempt_timeout_sec": "120",
    }


def _proxy(ctx: Context) -> dict[str, str]:
    if not ctx.params.grafana_auth_proxy:
        return {}
    return {
        "enabled": "true",
        "header_name": "X-WEBAUTH-USER",
        "header_property": "username",
        "auto_sign_up": "true",
        "whitelist": "127.0.0.1, ::1",  # the portal of the same host, and nobody else
        "enable_login_token": "false",
    }


def _file(ctx: Context, name: str) -> str:
    return f"$__file{{{ctx.at(f'/etc/grafana/{name}')}}}"


def _value(text: str) -> str:
    """A value as ini files have it: quoted where it would be read as something else."""
    return f'"""{text}"""' if any(c in text for c in ";#\"'`\\") or text != text.strip() else text
