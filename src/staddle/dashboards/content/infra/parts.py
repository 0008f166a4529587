"""What the dashboards of all components of INFRA nodes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many
from staddle.dashboards.content.levels import BAD, COLORS
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.look import UP, above, below, dashed
from staddle.dashboards.kit.panels import lines, rows, stat
from staddle.dashboards.kit.queries import LogQuery, Query
from staddle.dashboards.kit.variables import choose, derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Panel

RATE = "[$__rate_interval]"
HERE = 'ip:="$ip"'


def up(sel: str, w: int = 2) -> Panel:
    """Whether it answers."""
    return stat("Up", f"min(up{{{sel}}})", words=UP, steps=below(1), unit="none", filled=True, w=w,
                about="Whether its metrics could be read at the last attempt.")  # fmt: skip


def since(sel: str, w: int = 3) -> Panel:
    """How long it has run."""
    return stat("Running for", f"time() - max(process_start_time_seconds{{{sel}}})", unit="dtdurations", steps=below(600), w=w,
                about="Red for ten minutes after a start.", empty="This program doesn't tell")  # fmt: skip


def process(sel: str) -> Row:
    """What a Go program needs of its host."""
    return Row(
        "Process",
        [
            lines("CPU", Query(f"rate(process_cpu_seconds_total{{{sel}}}{RATE})", "{{ins}}"), unit="percentunit", empty="This program doesn't tell", least=0, w=8,
                  about="100 % is one core."),
            lines("Memory", Query(f"process_resident_memory_bytes{{{sel}}}", "{{ins}}"), unit="bytes", empty="This program doesn't tell", least=0, w=8,
                  about="What is resident, page cache of its own files included."),
            lines("Open files", Query(f"process_open_fds{{{sel}}}", "open"), Query(f"process_max_fds{{{sel}}}", "limit"),
                  unit="short", least=0, w=8, overrides=[dashed("/limit/")], empty="This program doesn't tell"),
        ],
    )  # fmt: skip


def logs(filters: str, *further: Panel, job: str = "infra", ins: str = "$ins", title: str = "Logs") -> Row:
    """What it wrote: how much, and the lines that matter."""
    there = nav.logs_of(job=job, ins=ins)
    return Row(
        title,
        [
            lines(
                "Log lines by level",
                LogQuery(f"{filters} | stats by (level) count() rows", "statsRange", "{{level}}"),
                drawn_as_bars=True,
                stacked=True,
                unit="short",
                w=24,
                h=5,
                links=[there],
                overrides=COLORS,
                empty="It wrote nothing in this time",
            ),
            rows("Warnings and errors", f"{filters} {BAD}", links=[there], empty="No warnings in this time", h=8),
            *further,
        ],
    )  # fmt: skip


def component(
    uid: str,
    name: str,
    cls: str,
    about: str,
    *middle: Row,
    first: Sequence[Panel] = (),
    apps: str = "",
    job: str = "infra",
    empty: str = "",
) -> Board:
    """The dashboard of one component: `first` is what is asked first, `middle` are rows of its own.

    `apps` is what its logs call it, quoted and with commas between: on a real host that is the name of its program.
    """
    sel = f'job="infra",cls="{cls}",ins=~"$ins"'
    head = [up(sel), since(sel), *first]
    head.append(how_many("Alerts", 'ins=~"$ins"', w=2))
    return Board(
        uid=uid,
        title=f"INFRA {name}",
        folder="infra",
        about=about,
        tags=["Instance"],
        variables=[
            choose("ins", "Instance", f'label_values(up{{job="infra",cls="{cls}"}}, ins)', empty=empty),
            derive("ip", f'label_values(up{{job="infra",cls="{cls}",ins="$ins"}}, ip)'),
        ],
        links=[
            nav.INFRA,
            nav.logs_of(job=job, ins="$ins"),
            nav.ALERTS,
        ],
        dropdowns=[("INFRA", "infra")],
        rows=[
            Row("Overview", head),
            *middle,
            process(sel),
            logs(f"{HERE} app:in({apps or cls})", job=job),
        ],
        alerts='ins=~"$ins"',
    )


def rate(metric: str, sel: str, by: str = "") -> str:
    """Per second, summed by these labels."""
    inner = f"rate({metric}{{{sel}}}{RATE})"
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def errors(title: str, *queries: Query, about: str = "", w: int = 8) -> Panel:
    """Counts that should be zero."""
    return lines(title, *queries, unit="short", least=0, steps=above(1), about=about or "Should be zero.", w=w)
