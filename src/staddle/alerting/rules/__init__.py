"""Alerting rules as data: one YAML file per module, with `${portal}` where links to the portal go."""

from __future__ import annotations

from importlib.resources import files

WATCHDOG = "Watchdog"
"""The alert that always fires: whoever stops hearing it knows that alerting itself is down."""


def runbooks(portal_url: str) -> dict[str, str]:
    """The runbook of every alert by its name, in Markdown, with links to the portal filled in."""
    folder = files("staddle.alerting") / "runbooks"
    return {
        path.name.removesuffix(".md"): path.read_text(encoding="utf-8").replace("${portal}", portal_url)
        for path in sorted(folder.iterdir(), key=lambda item: item.name)
        if path.name.endswith(".md")
    }


def rule_files(portal_url: str) -> dict[str, bytes]:
    """The rule files by name, with links to the portal filled in."""
    found = {}
    for source in sorted(files(__name__).iterdir(), key=lambda item: item.name):
        if source.name.endswith(".yml"):
            text = source.read_text(encoding="utf-8")
            # Rules are full of $labels and $value; only ${portal} is ours.
            found[source.name] = text.replace("${portal}", portal_url).encode()
    return found
