"""What `status` and `doctor` print."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from staddle.cli.output import err, out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.drive.doctor import Finding
    from staddle.drive.fleet import HostResult, Outcome
    from staddle.drive.status import ComponentStatus

_WIDE = 110
_MARKS = {"error": "[red]✗[/]", "warning": "[yellow]![/]"}


def print_hosts(outcome: Outcome) -> None:
    """A fleet's services: what runs on each host, and what is wrong with what doesn't."""
    for host in outcome.hosts:
        _print_host(host)
    services = [service for host in outcome.hosts for service in (host.answer or {}).get("services", ())]
    healthy = sum(service["healthy"] for service in services)
    dead = sum(host.error is not None for host in outcome.hosts)
    bad = f", [bold red]{len(services) - healthy} not[/]" if healthy < len(services) else ""
    bad += f", [bold red]{dead} of {len(outcome.hosts)} hosts gave no answer[/]" if dead else ""
    hosts = f"{len(outcome.hosts)} host{'s' if len(outcome.hosts) != 1 else ''}"
    out.print(f"\n[bold]{healthy} services healthy[/]{bad} [dim]({hosts})[/]")
    if bad:
        out.print("[dim]why, and what to do: staddle doctor[/]")


def _print_host(host: HostResult) -> None:
    name = "" if host.name == host.ip else f" {host.name}"
    if host.error:
        out.print(f"[red]✗[/] [bold]{host.ip}[/]{name}  [red]gives no answer[/]")
        _line("", f"[dim]{escape(host.error)}[/]", 4)
        return
    services = host.answer["services"]
    healthy = [service["component"] for service in services if service["healthy"]]
    installed = bool(host.answer["components"])
    mark = "[green]✓[/]" if installed and len(healthy) == len(services) else "[red]✗[/]"
    count = f"{len(healthy)} of {len(services)} healthy" if installed else "nothing is installed here"
    count = "no services" if installed and not services else count
    out.print(f"{mark} [bold]{host.ip}[/]{name}  {count}")
    if healthy:
        _line("", f"[dim]{' '.join(healthy)}[/]", 4)
    for service in services:
        if not service["healthy"]:
            _line("", f"[red]{service['component']}[/] {escape(service['reason'] or 'is not healthy')}", 4)


def print_findings(findings: list[Finding], hosts: Mapping[str, str]) -> None:
    """What is wrong, the fleet as a whole first, then host by host; and what to do about each thing.

    `hosts` are those that were looked at, with their names.
    """
    ordered = sorted(enumerate(findings), key=lambda item: (item[1].host, item[1].severity, item[0]))
    for host, group in groupby((finding for _, finding in ordered), key=lambda finding: finding.host):
        if len(hosts) > 1 or host:
            name = hosts.get(host, "")
            out.print(f"[bold]{host or 'everywhere'}[/]{f' {name}' if name != host else ''}")
        for finding in group:
            _line(_MARKS[finding.severity], escape(finding.what), 2)
            for line in finding.details:
                _line("[dim]│[/]", f"[dim]{escape(line)}[/]", 6)
            _line("[cyan]→[/]", escape(finding.remedy), 6)
            if finding.runbook:
                _line("[cyan]→[/]", f"staddle runbook {finding.runbook}", 6)
        out.print()
    errors = sum(finding.severity == "error" for finding in findings)
    looked = f"[dim]({len(hosts)} host{'s' if len(hosts) != 1 else ''} looked at)[/]"
    if not findings:
        out.print(f"[green]✓[/] [bold]all is well[/] {looked}")
        return
    words = [f"[bold red]{errors} wrong[/]"] if errors else []
    words += [f"[yellow]{len(findings) - errors} to look at[/]"] if len(findings) > errors else []
    out.print(f"{', '.join(words)} {looked}")


def print_statuses(statuses: list[ComponentStatus]) -> None:
    """A sandbox's components, as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    narrow = out.width < _WIDE
    rows = [
        {
            "Component": status.component,
            "Health": "[green]healthy[/]" if status.healthy else "[red]not healthy[/]",
            "Version": status.version,
            **({} if narrow else {"Provider": status.provider}),
            "Pid": str(status.pid or ""),
            **({} if narrow else {"Up for": _span(status.seconds), "Memory": _megabytes(status.memory)}),
            "Where": escape(status.url),
        }
        for status in statuses
    ]
    for column in rows[0] if rows else ():
        table.add_column(column, justify="right" if column in {"Pid", "Up for", "Memory"} else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    out.print(table)
    for status in statuses:
        if not status.healthy:
            err.print(f"[red]{status.component}[/]: {escape(status.reason or status.state)}")


def _line(mark: str, text: str, by: int) -> None:
    """A line that goes on below itself if it is too long for the terminal; without a terminal it is left whole."""
    if not out.is_terminal:
        out.print(f"{' ' * by}{mark}{' ' if mark else ''}{text}")
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(*([mark, text] if mark else [text]))
    out.print(Padding(grid, (0, 0, 0, by)), soft_wrap=False)


def _megabytes(size: int | None) -> str:
    return f"{size / 2**20:.0f} MB" if size else ""


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
