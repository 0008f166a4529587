"""Dashboards of PostgreSQL over the oldest and the newest version that is watched: no errors, no gaps without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser.console_box import console_stack, settled
from tests.browser.test_console import BOARDS, excused
from tests.browser.test_pages import Tab, new_tab
from tests.sandbox import pg_versions

from staddle.console.assets import are_built

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif(not are_built(), reason="the console's pages were not built (make console)"),
]


@pytest.fixture(scope="module", params=pg_versions.ALWAYS)
def tab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Tab]:
    home = tmp_path_factory.mktemp(f"console-{request.param}")
    own = pg_versions.fetched([request.param], home / "programs")[request.param]
    for folder in (home, *home.parents[:2]):
        folder.chmod(0o755)  # PostgreSQL refuses to be root
    with console_stack(home, own) as (stack, server):
        assert server.value("SHOW server_version").startswith(str(request.param))
        made = new_tab(browser, stack, viewport={"width": 1400, "height": 6000}, timezone_id="UTC")
        made.page.set_default_timeout(60_000)
        yield made
        made.page.context.close()


@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.startswith("pgsql-")])
def test_every_panel_has_data_or_says_why_not(tab: Tab, uid: str) -> None:
    for _ in range(2):  # a rate takes two scrapes
        panels = settled(tab.open(f"/ui/d/{uid}?from=now-5m&to=now"))
        empty = [one for one in panels if one["state"] == "Empty" and not excused(BOARDS[uid], one["id"])]
        if not empty:
            break
        tab.page.wait_for_timeout(5000)
    assert not empty
    assert not [one for one in panels if one["state"] == "Error" or one["alert"]]
