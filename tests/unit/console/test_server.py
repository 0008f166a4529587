"""The console's server: pages below either path, dashboards of ours and of the user's, SQL only of stored dashboards."""

from __future__ import annotations

import gzip
import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest

from staddle.console.app import App
from staddle.console.assets import POLICY, Assets, are_built
from staddle.console.catalogue import Catalogue
from staddle.console.databases import DatabaseError, Databases, Result
from staddle.logs.http.server import Server, ServerOptions
from staddle.logs.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = '<html><head><base href="/console/" /></head></html>'
SQL = "select * from t where datname = '$datname'"
SHIPPED: list[tuple[str, dict[str, Any]]] = [
    ("pgsql", {"uid": "pgsql-query", "title": "Query", "tags": ["a"], "panels": [
        {"id": 1, "type": "row", "panels": [
            {"id": 7, "datasource": {"uid": "$ins"}, "targets": [{"refId": "B", "rawSql": SQL}]}]},
        {"id": 2, "targets": [{"refId": "A", "expr": "up"}]},
     ], "templating": {"list": [{"name": "datname", "type": "query", "query": "select 1", "datasource": {"uid": "pg-x"}}]}}),
    ("node", {"uid": "node-instance", "title": "Instance", "panels": []}),
]  # fmt: skip


class Recorder(Databases):
    """Answers every statement, and remembers it."""

    def __init__(self) -> None:
        super().__init__({})
        self.asked: list[tuple[str, str]] = []

    def run(self, uid: str, sql: str) -> Result:
        self.asked.append((uid, sql))
        if uid == "pg-broken":
            raise DatabaseError("pg-broken: no such role")
        return Result((("datname", "string"), ("calls", "number")), [["app", 3], ["x", None]], truncated=True)


class Running:
    """A server, what it has, and requests to it."""

    def __init__(self, folder: Path) -> None:
        (folder / "assets/assets").mkdir(parents=True)
        (folder / "own/team").mkdir(parents=True)
        (folder / "assets/index.html").write_text(PAGE)
        (folder / "assets/assets/index-abc.js.gz").write_bytes(gzip.compress(b"run()"))
        (folder / "assets/public.svg").write_text("<svg/>")
        self.own = folder / "own"
        self.databases = Recorder()
        self.metrics = Metrics("console")
        catalogue = Catalogue(SHIPPED, [self.own])
        app = App(Assets(folder / "assets"), catalogue, self.databases, self.metrics, {"version": "x"})
        self.server = Server(app.handle, ServerOptions())
        self.port = self.server.listen("127.0.0.1", 0)

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any, bytes]:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, named)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, path: str, body: Any = None) -> Any:
        status, _, text = self.ask(path, body)
        assert status == 200, text
        return json.loads(text)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.server.stop(1)


@pytest.mark.parametrize("base", ["/console/", "/ui/"])
def test_the_page_knows_where_it_is_and_runs_nothing_but_our_scripts(running: Running, base: str) -> None:
    for path in ("", "d/pgsql-query/query?var-ins=x", "explore/metrics", "alerts", "pev"):
        status, headers, text = running.ask(base + path)
        assert (status, text.decode()) == (200, PAGE.replace("/console/", base))
        assert headers["content-security-policy"] == POLICY
        assert "script-src 'self';" in POLICY
        assert "http" not in POLICY
        assert headers["cache-control"] == "no-cache"
    assert running.ask(base, If_None_Match=headers["etag"])[0] == 304


def test_hashed_files_stay_in_the_browser_and_are_sent_compressed(running: Running) -> None:
    status, headers, text = running.ask("/console/assets/index-abc.js", Accept_Encoding="gzip")
    assert (status, gzip.decompress(text)) == (200, b"run()")
    assert "immutable" in headers["cache-control"]
    assert headers["content-encoding"] == "gzip"
    assert running.ask("/ui/assets/index-abc.js")[2] == b"run()", "for who takes no gzip"
    assert running.ask("/ui/public.svg")[1]["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/console/assets/../../x", 404), ("/console/%2e%2e/own/mine.json", 404), ("/console/nothing", 404),
     ("/console/api/nothing", 404), ("/console/api/dashboards/nothing", 404), ("/console/api/sql", 405), ("/nothing", 404)],
)  # fmt: skip
def test_what_is_not_there_is_not_there(running: Running, path: str, status: int) -> None:
    assert running.ask(path)[0] == status


def test_dashboards_of_ours_and_of_the_users_files_and_what_is_wrong_with_those(running: Running) -> None:
    def uids() -> dict[str, tuple[str, str]]:
        return {one["uid"]: (one["folder"], one["source"]) for one in running.json("/ui/api/dashboards")}

    assert uids() == {"pgsql-query": ("pgsql", "shipped"), "node-instance": ("node", "shipped")}
    (running.own / "mine.json").write_text('{"title": "Mine", "panels": []}')
    (running.own / "team/export.json").write_text(
        '{"dashboard": {"uid": "node-instance", "title": "Ours", "panels": []}}'
    )
    (running.own / "team/v2.json").write_text('{"metadata": {"name": "two"}, "spec": {"title": "Two", "elements": {}}}')
    (running.own / "broken.json").write_text('{"title"')
    (running.own / "other.json").write_text('{"some": "thing"}')
    (running.own / "twice.json").write_text('{"uid": "mine", "title": "Mine, too", "panels": []}')
    assert uids() == {
        "pgsql-query": ("pgsql", "shipped"), "node-instance": ("team", "own"), "mine": ("", "own"), "two": ("team", "own"),
    }  # fmt: skip
    problems = running.json("/console/api/problems")
    assert [problem.partition(":")[0].rpartition("/")[2] for problem in problems] == [
        "broken.json", "other.json", "twice.json",
    ]  # fmt: skip
    assert running.json("/console/api/dashboards/node-instance")["dashboard"]["title"] == "Ours"
    (running.own / "team/export.json").unlink()
    assert running.json("/console/api/dashboards/node-instance")["dashboard"]["title"] == "Instance", "ours again"


def test_sql_is_named_and_what_runs_is_what_is_stored(running: Running) -> None:
    asked = {"dashboard": "pgsql-query", "panel": 7, "refId": "B", "variables": {"ins": ["pg-x"], "datname": ["o'neil"]},
             "interval": 15000, "range": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00.000Z"},
             "sql": "drop table t", "rawSql": "drop table t"}  # fmt: skip
    answer = running.json("/console/api/sql", asked)
    assert running.databases.asked == [("pg-x", "select * from t where datname = 'o''neil'")]
    (frame,) = answer["frames"]
    assert [(f["name"], f["type"], f["values"]) for f in frame["fields"]] == [
        ("datname", "string", ["app", "x"]), ("calls", "number", [3, None]),
    ]  # fmt: skip
    assert "first 10000 rows" in frame["meta"]["notices"][0]["text"]
    running.json("/console/api/sql", {"dashboard": "pgsql-query", "variable": "datname"})
    assert running.databases.asked[-1] == ("pg-x", "select 1")


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"panel": 2, "refId": "A"}, 404, "no SQL there"),
        ({"panel": 99}, 404, "no SQL there"),
        ({"dashboard": "nothing"}, 404, "no dashboard"),
        ({"variables": {"ins": ["pg-x"]}}, 422, "$datname has no value"),
        ({"variables": {"ins": ["pg-broken"], "datname": ["a"]}}, 422, "no such role"),
        ({"range": {"from": "yesterday", "to": "now"}}, 400, "ISO 8601"),
    ],
)
def test_sql_that_is_refused(running: Running, change: dict[str, Any], status: int, said: str) -> None:
    good = {"dashboard": "pgsql-query", "panel": 7, "refId": "B", "variables": {"ins": ["pg-x"], "datname": ["a"]}}
    got, _, text = running.ask("/console/api/sql", {**good, **change})
    assert (got, said in text.decode()) == (status, True), text


def test_a_form_of_another_site_can_not_ask(running: Running) -> None:
    status, _, _ = running.ask("/console/api/sql", {"dashboard": "pgsql-query"}, Content_Type="text/plain")
    assert status == 415


def test_health_and_metrics_are_for_the_host_not_below_the_portals_path(running: Running) -> None:
    assert running.ask("/health")[2] == b"OK"
    running.ask("/ui/api/config")
    assert b'console_http_requests_total{kind="api/config"} 1' in running.ask("/metrics")[2]
    assert running.ask("/console/metrics")[0] == 404


def test_pages_that_were_never_built_are_not_there(tmp_path: Path) -> None:
    assert not are_built(tmp_path / "nothing")
