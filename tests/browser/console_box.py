"""What the tests of the console share: a stack with all that it has, a PostgreSQL that is worked with, and looks at panels."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sandbox.postgres import Postgres, load, postgres, postgres_of
from tests.sandbox.stack import Stack, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

ROLE = """
    CREATE ROLE dbuser_monitor LOGIN IN ROLE pg_monitor;
    CREATE EXTENSION pg_stat_statements;
"""
OTHERS = Path(__file__).parents[2] / "web/test/dashboards"
"""Dashboards as others write them."""
SETTLED = """() => {
  const panels = [...document.querySelectorAll('[data-testid=panel]')];
  const waiting = panels.filter((panel) => ['NotStarted', 'Loading'].includes(panel.dataset.state));
  return panels.length > 0 && waiting.length === 0;
}"""
IN_VIEW = """() => {
  const panels = [...document.querySelectorAll('[data-testid=panel]')];
  const near = panels.filter((panel) => panel.getBoundingClientRect().top < innerHeight);
  return near.length > 0 && near.every((panel) => !['NotStarted', 'Loading'].includes(panel.dataset.state));
}"""
PANELS = """() => [...document.querySelectorAll('[data-testid=panel]')].map((panel) => ({
  id: panel.dataset.panelId, type: panel.dataset.panelType, title: panel.ariaLabel, state: panel.dataset.state,
  alert: panel.querySelector('[role=alert]')?.textContent ?? '',
}))"""
OWN = {
    "uid": "own", "title": "Own", "schemaVersion": 42, "time": {"from": "now-5m", "to": "now"},
    "panels": [
        {"id": 1, "type": "stat", "title": "Targets", "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4},
         "targets": [{"refId": "A", "expr": "count(up)", "instant": True}],
         "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}},
        {"id": 2, "type": "table", "title": "Up", "gridPos": {"x": 6, "y": 0, "w": 18, "h": 16},
         "targets": [{"refId": "A", "expr": 'up{job="infra"}', "instant": True, "format": "table"}],
         "transformations": [{"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True, "job": True,
             "instance": True, "ip": True, "cls": True}}}]},
        {"id": 3, "type": "table", "title": "SQL", "gridPos": {"x": 0, "y": 16, "w": 12, "h": 8},
         "datasource": {"type": "postgres", "uid": "pg-pg-test-1"},
         "targets": [{"refId": "A", "format": "table", "rawSql":
             "select current_user as who, current_setting('transaction_read_only') as ro, '$text' as said, 42 as answer"}]},
        {"id": 4, "type": "table", "title": "Write", "gridPos": {"x": 12, "y": 16, "w": 12, "h": 8},
         "datasource": {"type": "postgres", "uid": "pg-pg-test-1"},
         "targets": [{"refId": "A", "format": "table", "rawSql": "create temporary table t (x int)"}]},
        {"id": 5, "type": "table", "title": "Two", "gridPos": {"x": 0, "y": 24, "w": 12, "h": 8},
         "datasource": {"type": "postgres", "uid": "pg-pg-test-1"},
         "targets": [{"refId": "A", "format": "table", "rawSql": "rollback; create table t (x int)"}]},
        {"id": 6, "type": "never-heard-of", "title": "Strange", "gridPos": {"x": 12, "y": 24, "w": 12, "h": 8},
         "targets": [{"refId": "A", "expr": "up"}]},
    ],
    "templating": {"list": [{"name": "text", "type": "textbox", "query": "it's"}]},
}  # fmt: skip


def inventory(home: Path) -> str:
    own = {"infra_seq": 1, "nodename": "box", "pg_cluster": "pg-test", "pg_seq": 1, "pg_role": "primary",
           "pg_localhost": str(home)}  # fmt: skip
    settings = {"vmetrics_scrape_interval": "2s", "vmetrics_scrape_timeout": "2s", "node_ntp_enabled": False,
                "alert_rules": {"PostgresDurabilityOff": {"for": "1s"}}}  # fmt: skip
    return json.dumps({"all": {"children": {"infra": {"hosts": {"127.0.0.1": own}}}, "vars": settings}})


@contextmanager
def console_stack(home: Path, own: Path | None = None) -> Iterator[tuple[Stack, Postgres]]:
    """It is up, statements were counted, and what took long is logged. `own`: PostgreSQL's programs, if not the machine's."""
    settings = {"shared_preload_libraries": "pg_stat_statements", "track_io_timing": "on"}
    with ExitStack() as servers:
        settings["log_min_duration_statement"] = "200"
        server = servers.enter_context(postgres_of(own, **settings) if own else postgres(**settings))
        server.sql(ROLE)
        servers.enter_context(load(server))
        (home / "sandbox/pg/log").mkdir(parents=True)
        (home / "sandbox/pg/log/postgres").symlink_to(server.log)
        for stack in started(home, inventory(server.home)):
            folder = stack.root / "data/infra/dashboards"
            (folder / "own.json").write_text(json.dumps(OWN), encoding="utf-8")
            for path in sorted(OTHERS.glob("*.json")):
                (folder / path.name).write_bytes(path.read_bytes())
            wait_for("statements to be counted", partial(stack.query, "rate(pg_stat_statements_calls[1m]) > 0"), 90)
            wait_for("recorded series", partial(stack.query, '{__name__=~"pg:.*"}'), 60)
            yield stack, server


def settled(page: Page) -> list[dict[str, str]]:
    """The panels, once none of them waits for data."""
    page.wait_for_function(SETTLED, timeout=45_000)
    found: list[dict[str, str]] = page.evaluate(PANELS)
    return found


def panel(page: Page, title: str) -> Locator:
    return page.locator(f'[data-testid=panel][aria-label="{title}"]')
