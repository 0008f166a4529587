"""Which symbol of `static/icons.svg` stands for a thing."""

from __future__ import annotations

ICONS = frozenset(
    "activity alert bell book certificate chart clock code copy cross dashboard database external file globe heartbeat home "
    "link lock logs menu moon network package plus probe refresh rules search server silence stone sun target "
    "terminal theme traces tree".split()
)
"""The symbols that the sprite has."""

_KEYWORDS = {
    "alertmgr": "bell",
    "alertmanager": "bell",
    "alerts": "bell",
    "blackbox": "probe",
    "ca": "certificate",
    "cert": "certificate",
    "code": "code",
    "console": "dashboard",
    "discovery": "target",
    "dns": "network",
    "docs": "book",
    "etcd": "tree",
    "files": "file",
    "grafana": "dashboard",
    "haproxy": "network",
    "health": "activity",
    "jupyter": "code",
    "key": "lock",
    "metrics": "chart",
    "minio": "package",
    "nginx": "globe",
    "node": "server",
    "ntp": "clock",
    "package": "package",
    "pgsql": "database",
    "postgres": "database",
    "redis": "database",
    "repo": "package",
    "rule": "rules",
    "site": "globe",
    "targets": "target",
    "time": "clock",
    "vlogs": "logs",
    "vmalert": "rules",
    "vmetrics": "chart",
    "vtraces": "traces",
    "web": "globe",
}


def icon_for(keyword: str) -> str:
    """The symbol for a keyword: its own name, a synonym, or the generic link."""
    key = keyword.strip().lower()
    return key if key in ICONS else _KEYWORDS.get(key, "link")
