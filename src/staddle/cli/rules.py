"""`staddle rules`: which alerts there are and what they go by, their unit tests, and a look at them by a running stack."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from staddle.alerting import OwnRules, units
from staddle.alerting.catalogue import read, runbooks, shipped
from staddle.alerting.check import read_tests
from staddle.alerting.lint import lint
from staddle.alerting.own import together
from staddle.alerting.rendering import owners, variants
from staddle.alerting.trial import Outcome, run, trials
from staddle.cli.options import Json
from staddle.cli.output import out, print_json, reporting, say
from staddle.components.vmetrics import VICTORIA_METRICS
from staddle.dashboards.lint.stores import QueryError, Stores
from staddle.drive.sandbox import SANDBOX, Sandbox, choose_inventory
from staddle.errors import StaddleError
from staddle.inventory import load_inventory
from staddle.inventory.nearest import nearest
from staddle.manifest.layout import Program
from staddle.programs.provision import Step, provision
from staddle.programs.shelf import cache_directory

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from staddle.alerting.catalogue import Alert, Catalogue
    from staddle.alerting.rendering import Owner, Variant
    from staddle.alerting.trial import Firing
    from staddle.inventory.parameters import AlertSetting

app = typer.Typer(name="rules", help="Alerting rules: list, test, check (also your own).", no_args_is_help=True)

Own = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="DIR",
        help="Your own: `DIR/rules/<module>/*.yml`, and their tests in `DIR/tests/<module>/*.yml`.",
        exists=True,
        file_okay=False,
    ),
]
Module = Annotated[str, typer.Option("--module", "-m", help="Only this module.")]
Keyword = Annotated[str, typer.Option("-k", help="Only those with this in the name of alert, test or file.")]
_COLORS = {"CRIT": "red", "WARN": "yellow", "INFO": "blue"}


def register(parent: typer.Typer) -> None:
    """Add the commands to the program."""
    parent.add_typer(app, rich_help_panel="How things are")


@app.command("ls")
def list_rules(
    module: Module = "",
    keyword: Keyword = "",
    inventory: Annotated[
        Path | None, typer.Option("-i", "--inventory", help="Whose settings to show. Default: ./staddle.yml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Which alerts there are, what they go by, and where the inventory says something else.

    Examples:

        staddle rules ls
        staddle rules ls --module node -i fleet.yml
    """
    everywhere, owned, own = _settings(inventory)
    catalogue = together(own)
    _known_module(catalogue, module)
    alerts = [
        alert
        for alert in catalogue.alerts.values()
        if module in {"", alert.module} and keyword.lower() in f"{alert.name} {alert.file}".lower()
    ]
    if as_json:
        known = {**runbooks(""), **own.runbooks}
        print_json([_data(alert, variants(alert, everywhere, owned), known) for alert in alerts])
        return
    table = Table("", "alert", "module", "threshold", "for", "where", "when", box=None, pad_edge=False)
    for alert in alerts:
        for index, variant in enumerate(variants(alert, everywhere, owned)):
            setting = variant.setting
            table.add_row(
                f"[{_COLORS.get(setting.severity, 'default')}]{setting.severity}[/]"
                if setting.enabled
                else "[dim]off[/]",
                alert.name if not index else "",
                alert.module if not index else "",
                _threshold(alert, variant),
                setting.wait,
                _where(variant),
                escape(alert.threshold.meaning) if alert.threshold and not index else "",
            )
    out.print(table)
    say(f"{len(alerts)} alerts; `staddle runbook ALERT` says what to do about one")


@app.command("test")
def test_rules(
    keyword: Keyword = "",
    module: Module = "",
    own: Own = None,
    tool: Annotated[
        Path | None, typer.Option("--tool", help="Your vmalert-tool; otherwise one is fetched.", exists=True)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the unit tests of the rules. Exit status: 0 all passed, 1 one failed.

    Examples:

        staddle rules test
        staddle rules test -m node -k cpu
        staddle rules test --rules ./alerting
    """
    catalogue = _rules(own)
    _known_module(catalogue, module)
    tests = (own or files("staddle.alerting")) / "tests"
    chosen = trials(catalogue, read_tests(tests), module=module, keyword=keyword)
    if not chosen:
        raise StaddleError("there are no such tests", hint=f"they are in {tests}/<module>/*.yml")
    done = 0

    with reporting(quiet=as_json) as reporter:

        def told(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            reporter.step(Step(f"testing {outcome.file}", 100 * done / len(chosen)))

        program = Program(str(tool), "", "yours") if tool else _provided(reporter.step)
        outcomes = run(program, chosen, told)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if as_json:
        print_json({"passed": not failed, "tests": [outcome.to_data() for outcome in outcomes]})
    else:
        for outcome in failed:
            _print_failure(outcome)
        alerts = {name for outcome in outcomes for name in outcome.alerts}
        seconds = sum(outcome.seconds for outcome in outcomes)
        passed = f"[red]{len(failed)} failed[/]" if failed else "all passed"
        say(f"{len(outcomes)} tests of {len(alerts)} alerts, {passed}, {seconds:.1f} s in vmalert-tool")
    if failed:
        raise typer.Exit(1)


@app.command("lint")
def lint_rules(
    module: Module = "",
    own: Own = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="URL", help="The portal of a running stack.")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", help="Certificate of the authority of that portal.", exists=True, dir_okay=False),
    ] = None,
    directory: Annotated[Path, typer.Option("--dir", envvar="STADDLE_DIR", help="Directory of the sandbox.")] = SANDBOX,
    as_json: Json = False,
) -> None:
    """Whether a running stack (the sandbox, or `--against` a portal) understands all rules and has the metrics they ask for.

    Of modules that it has nothing of (no Redis, no etcd), only the expressions are looked at.

    Exit status: 0 nothing found, 1 something is wrong.

    Examples:

        staddle rules lint
        staddle rules lint --rules ./alerting --against https://i.example.com --ca files/pki/ca/ca.crt
    """
    catalogue = _rules(own)
    stores = Stores.behind(against, ca) if against else Stores.of_sandbox(Sandbox(directory))
    _known_module(catalogue, module)
    with reporting(quiet=as_json) as reporter:

        def told(name: str) -> None:
            reporter.step(Step(f"looking at {name}"))

        report = lint(catalogue, stores, QueryError, module=module, told=told)
    findings = report.findings
    if as_json:
        print_json(asdict(report))
    else:
        for finding in findings:
            near = f"; did you mean {finding.nearest}?" if finding.nearest else ""
            out.print(f"{finding.file}: [bold]{finding.rule}[/] {escape(finding.message)}{near}")
        lacking = f"; this stack has no {', '.join(report.unchecked)}" if report.unchecked else ""
        say(f"{report.rules} rules, {len(findings)} finding{'s' if len(findings) != 1 else ''}{lacking}")
    if findings:
        raise typer.Exit(1)


def _rules(own: Path | None) -> Catalogue:
    if own is None:
        return shipped()
    catalogue = read(own / "rules")
    if not catalogue.groups:
        raise StaddleError(f"there are no rules in {own}", hint=f"they are looked for in {own}/rules/<module>/*.yml")
    return catalogue


def _known_module(catalogue: Catalogue, module: str) -> None:
    if module and module not in catalogue.modules:
        near = nearest(module, catalogue.modules)
        meant = f"; did you mean {near!r}?" if near else ""
        raise StaddleError(f"there is no module {module!r}{meant}", hint=f"there are: {', '.join(catalogue.modules)}")


def _provided(step: Any) -> Program:
    """vmalert-tool, unpacked beside apt's archives."""
    cache = cache_directory()
    return provision([VICTORIA_METRICS], cache / "rules", cache / "apt", step)["vmalert-tool"]


def _settings(inventory: Path | None) -> tuple[Mapping[str, AlertSetting], tuple[Owner, ...], OwnRules]:
    chosen = choose_inventory(inventory)
    if chosen is None:
        return {}, (), OwnRules()
    fleet = load_inventory(chosen).fleet
    # Clusters as they are known without compiling: those of hosts, and of what the inventory names after them.
    clusters = [("node", node.cluster, node.ip) for node in fleet.nodes]
    for node in fleet.nodes:
        for key, name in node.extra.items():
            if key.endswith("_cluster") and isinstance(name, str):
                module = key.removesuffix("_cluster")
                clusters.append(({"pg": "pgsql"}.get(module, module), name, node.ip))
    return fleet.alert_rules, owners(fleet, clusters), fleet.own_rules


def _data(alert: Alert, found: Iterable[Variant], known: Container[str]) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "module": alert.module,
        "file": alert.file,
        "summary": alert.annotations.get("summary", ""),
        "runbook": f"runbooks/{alert.name}.html" if alert.name in known else None,
        "dashboard": alert.dashboard,
        "threshold": asdict(alert.threshold) if alert.threshold else None,
        "settings": [
            {
                **asdict(variant.setting),
                "label": variant.label,
                "only": list(variant.only),
                "others": list(variant.others),
            }
            for variant in found
        ],
    }


def _threshold(alert: Alert, variant: Variant) -> str:
    value = variant.setting.threshold
    return "" if value is None or alert.threshold is None else units.shown(value, alert.threshold.unit)


def _where(variant: Variant) -> str:
    if variant.only:
        return ", ".join(variant.only)
    return f"all but {len(variant.others)}" if variant.others else ""


def _print_failure(outcome: Outcome) -> None:
    out.print(f"[red]✗[/] {escape(outcome.file)}: [bold]{escape(outcome.test)}[/]")
    if outcome.error:
        out.print(f"    {escape(outcome.error)}")
    for failure in outcome.failures:
        expected, got = list(failure.expected), list(failure.got)
        out.print(f"    [bold]{failure.alert}[/] at {failure.time}: {_count(expected)} expected, {_count(got)} found")
        for firing in expected:
            if firing not in got:
                out.print(f"      [red]- {escape(_shown(firing))}[/]")
        for firing in got:
            if firing not in expected:
                out.print(f"      [green]+ {escape(_shown(firing))}[/]")


def _count(firings: list[Firing]) -> str:
    return f"{len(firings)} alert{'s' if len(firings) != 1 else ''}" if firings else "none"


def _shown(firing: Firing) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(firing.labels.items()))
    return f"{{{labels}}} {firing.annotations.get('summary', '')}"
