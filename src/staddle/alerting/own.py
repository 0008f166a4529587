"""The operator's own rules: a folder beside the inventory (`alert_folder`) that looks as this one does.

`rules/<module>/*.yml` have the same format, with thresholds, dashboards and all; `runbooks/<Alert>.md` are served by the
portal beside Staddle's; `tests/<module>/*.yml` are for `staddle rules test --rules FOLDER`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.alerting import OwnRules
from staddle.alerting.catalogue import SEVERITIES, Catalogue, read, runbooks_in, shipped
from staddle.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def read_own(folder: Path) -> OwnRules:
    """What a folder has. Raises RuleError with all that is wrong with it."""
    if not (folder / "rules").is_dir():
        raise RuleError([f"there is no folder {folder / 'rules'}"])
    try:
        catalogue = read(folder / "rules")
        found = runbooks_in(folder / "runbooks")
    except OSError as error:
        raise RuleError([f"{error.filename}: can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise RuleError([f"a runbook in {folder / 'runbooks'} is not UTF-8 text"]) from error
    if problems := list(_objections(catalogue, found)):
        raise RuleError(problems)
    return OwnRules(catalogue.groups, found)


def together(own: OwnRules) -> Catalogue:
    """Staddle's rules and the operator's."""
    return Catalogue((*shipped().groups, *own.groups))


def _objections(catalogue: Catalogue, runbooks: Mapping[str, str]) -> Iterator[str]:
    if not catalogue.groups:
        yield "there are no rules in rules/<module>/*.yml"
    ours = shipped().alerts
    for alert in catalogue.alerts.values():
        where = f"{alert.file}: {alert.name}"
        if alert.name in ours:
            yield f"{where}: Staddle has an alert of this name; alert_rules changes that one, or switches it off"
        if alert.severity not in SEVERITIES:
            yield f"{where}: severity {alert.severity!r} is none of {', '.join(SEVERITIES)}"
        if not alert.annotations.get("summary"):
            yield f"{where}: has no annotation summary, which messages begin with"
    for name in sorted(runbooks.keys() - catalogue.alerts.keys()):
        yield f"runbooks/{name}.md: there is no alert of this name"
