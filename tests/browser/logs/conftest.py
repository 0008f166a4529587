"""A log server with rows for the tests of a file, and a tab for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser.logs.page import LogServer, Tab, log_server, new_tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogServer]:
    with log_server(tmp_path_factory.mktemp("logs")) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, server: LogServer) -> Iterator[Tab]:
    """A fresh browser profile. Whatever the page logs as an error fails the test."""
    made = new_tab(browser, server)
    yield made
    made.page.context.close()
    assert made.troubles() == []
