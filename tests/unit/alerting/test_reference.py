"""The table of alerts in the documentation is the one that the rules give."""

from __future__ import annotations

from pathlib import Path

from staddle.alerting.catalogue import runbooks, shipped
from staddle.alerting.reference import replaced, tables

PAGE = Path(__file__).parents[3] / "docs/alerts.md"


def test_the_page_has_every_alert_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    assert page == replaced(page, tables(shipped(), runbooks("${portal}"))), "run: make docs"
    for name in shipped().alerts:
        assert f"[{name}](runbooks/{name}.md)" in page


def test_a_row_says_what_it_means_with_its_threshold_and_its_wait() -> None:
    text = "## Meaning\nIt is [full](/x.html). More.\n\n## Impact\nx\n"
    row = next(row for row in tables(shipped(), {"RedisMemoryHigh": text}).splitlines() if "[RedisMemoryHigh]" in row)
    assert row == (
        "| [RedisMemoryHigh](runbooks/RedisMemoryHigh.md) | WARN | It is full | "
        "80 %: share of maxmemory that is used while nothing may be evicted | 5m |"
    )
