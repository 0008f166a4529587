"""Whether dashboards have something to show in a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.stack import wait_for

from staddle.dashboards.lint import lint, shipped_sources
from staddle.dashboards.lint.stores import Stores
from staddle.drive.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.sandbox.stack import Stack


def wait_for_dashboards(stack: Stack, *wanted: str, timeout: float = 120) -> None:
    """Those of folders, or single ones by their uid: soon (rates take a while), every query of theirs parses, and returns
    something, or its panel says why it may not.
    """
    chosen = [source for source in shipped_sources() if {source.file.split("/")[0], source.uid} & {*wanted}]
    assert chosen
    found: list[str] = []

    def nothing() -> bool:
        findings = lint(chosen, Stores.of_sandbox(Sandbox(stack.root)))
        found[:] = [f"{f.file} {f.panel}: {f.message}" for f in findings]
        return not found

    try:
        wait_for("dashboards to have data", nothing, timeout, interval=2)
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *found])) from None
