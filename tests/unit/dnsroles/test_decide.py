"""Where the name of a cluster leads to: to its only primary, and where that isn't known, to where it led before."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from staddle.components.dns_roles import _source
from staddle.dnsroles.decide import Cluster, decide, first, hosts_file, primaries
from staddle.dnsroles.main import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBERS = {"db-1": "10.0.0.1", "db-2": "10.0.0.2"}
CLUSTER = Cluster("db", "db.pg", MEMBERS, "db-1")


@pytest.mark.parametrize(
    ("seen", "last", "leads_to", "doubt"),
    [
        ({"db-1"}, "db-1", "db-1", ""),
        ({"db-2"}, "db-1", "db-2", ""),
        ({"db-2"}, "", "db-2", ""),
        (set(), "db-1", "db-1", "no primary is seen"),
        (set(), "", "", "no primary is seen"),
        ({"db-1", "db-2"}, "db-2", "db-2", "there are several primaries: db-1, db-2"),
        ({"db-9"}, "db-1", "db-1", "the address of db-9, which is primary, is not known"),
        (None, "db-2", "db-2", "the metrics store gives no answer"),
    ],
)
def test_exactly_one_primary_is_followed(seen: set[str] | None, last: str, leads_to: str, doubt: str) -> None:
    answer = decide(CLUSTER, seen, last)
    assert (answer.primary, answer.doubt) == (leads_to, doubt)


@pytest.mark.parametrize(
    ("before", "begins_with"),
    [
        pytest.param("", "db-1", id="nothing is known: the inventory's"),
        pytest.param(hosts_file(CLUSTER, "db-2"), "db-2", id="the last known, after a restart"),
        pytest.param(
            hosts_file(Cluster("db", "db.pg", MEMBERS, "db-2"), "db-2"), "db-1", id="the inventory says otherwise now"
        ),
        pytest.param(
            hosts_file(Cluster("db", "db.pg", {**MEMBERS, "db-3": "10.0.0.3"}, "db-1"), "db-3"),
            "db-1",
            id="the last known is no member any more",
        ),
        pytest.param("rubbish\n", "db-1", id="a damaged file"),
    ],
)
def test_what_a_name_begins_with(before: str, begins_with: str) -> None:
    assert first(CLUSTER, before) == begins_with


def test_a_name_without_a_primary_has_no_address() -> None:
    unknown = Cluster("db", "db", MEMBERS, "")
    assert [line for line in hosts_file(unknown, first(unknown, "")).splitlines() if not line.startswith("#")] == []
    assert hosts_file(CLUSTER, "db-2").splitlines()[-1] == "10.0.0.2 db.pg"


def test_an_answer_is_read_by_cluster() -> None:
    series = [{"metric": {"cls": cls, "ins": ins}, "value": [0, "0"]} for cls, ins in [("a", "a-1"), ("a", "a-2")]]
    assert primaries({"data": {"result": series}}) == {"a": {"a-1", "a-2"}}
    with pytest.raises(KeyError):
        primaries({"status": "error"})


ANSWER = b'{"data": {"result": [{"metric": {"cls": "db", "ins": "db-2"}}]}}'


@pytest.fixture
def store() -> Iterator[HTTPServer]:
    """Says that db-2 is primary, or what it is told to."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.says)  # type: ignore[attr-defined]

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.says = ANSWER  # type: ignore[attr-defined]
    Thread(target=server.serve_forever).start()
    yield server
    server.shutdown()
    server.server_close()


def follower(folder: Path, store: HTTPServer) -> Follower:
    told = {"name": "db.pg", "members": MEMBERS, "expected": "db-1"}
    url = f"http://127.0.0.1:{store.server_port}"
    return Follower({"store": url, "folder": str(folder), "clusters": {"db": told}})


def leads_to(folder: Path) -> str:
    return (folder / "db").read_text().splitlines()[-1]


def value(follower: Follower, name: str) -> float:
    return next(value for family in follower.metrics() if family.name == name for _, value in family.samples)


def test_a_name_follows_and_stays_when_the_store_says_nothing(tmp_path: Path, store: HTTPServer) -> None:
    (tmp_path / "gone").write_text("10.0.0.9 gone\n")
    following = follower(tmp_path, store)
    assert [path.name for path in tmp_path.iterdir()] == ["db"]  # that of a cluster which is none any more went
    assert leads_to(tmp_path) == "10.0.0.1 db.pg"
    following.step()
    assert leads_to(tmp_path) == "10.0.0.2 db.pg"
    assert (value(following, "dns_roles_up"), value(following, "dns_roles_primary_known")) == (1, 1)
    for nonsense in (b'{"data": {"result": []}}', b"{}", b"[]", b"oops", b'{"data": 1}'):
        store.says = nonsense  # type: ignore[attr-defined]
        following.step()
        assert leads_to(tmp_path) == "10.0.0.2 db.pg"
        assert value(following, "dns_roles_primary_known") == 0
    assert value(following, "dns_roles_up") == 0
    again = follower(tmp_path, store)  # as after a restart
    assert leads_to(tmp_path) == "10.0.0.2 db.pg"
    store.says = ANSWER  # type: ignore[attr-defined]
    again.step()
    assert (value(again, "dns_roles_up"), value(again, "dns_roles_changes_total")) == (1, 0)


def test_a_file_that_can_not_be_written_is_tried_again(tmp_path: Path, store: HTTPServer) -> None:
    following = follower(tmp_path, store)
    (tmp_path / ".db").mkdir()  # where the new file would be written first
    following.step()
    assert (value(following, "dns_roles_up"), leads_to(tmp_path)) == (0, "10.0.0.1 db.pg")
    (tmp_path / ".db").rmdir()
    following.step()
    assert (value(following, "dns_roles_up"), leads_to(tmp_path)) == (1, "10.0.0.2 db.pg")


def test_the_files_that_are_shipped_are_all_it_needs(tmp_path: Path) -> None:
    for name, content in _source():
        (tmp_path / "staddle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "staddle" / name).write_bytes(content)
    argv = [sys.executable, "-S", "-m", "staddle.dnsroles", "/nonexistent"]
    done = subprocess.run(argv, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, "FileNotFoundError" in done.stderr) == (1, True), done.stderr
