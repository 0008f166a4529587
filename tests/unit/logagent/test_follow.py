"""Names for log files that outlive rotation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from staddle.logagent import control, follow
from staddle.logagent.follow import Source


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def source(logs: Path, pattern: str = "app.log") -> Source:
    found = Source("app", str(logs.parent / "follow/app"), (str(logs / pattern),))
    follow.prepare(found)
    return found


def linked(of: Source) -> list[str]:
    return sorted(link.read_text(encoding="utf-8") for link in Path(of.folder).iterdir())


def test_a_file_gets_one_link_whatever_it_is_called(logs: Path) -> None:
    app = source(logs)
    (logs / "app.log").write_text("one")
    assert len(follow.link(app)) == 1
    (logs / "app.log").rename(logs / "app.log.1")
    assert follow.link(app) == []
    (logs / "app.log").write_text("two")
    assert len(follow.link(app)) == 1
    assert linked(app) == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("app.log", True),
        ("app.log.1", True),
        ("app.log.12", True),
        ("app.log-20261123", True),
        ("app.log.2026-11-23", True),
        ("app.log-20261123-1", True),
        ("app.log.gz", False),
        ("app.log.1.gz", False),
        ("app.log.bak", False),
        ("app.logs", False),
        ("xapp.log", False),
        ("sub/app.log", False),
    ],
)
def test_rotated_files_belong_to_the_log_and_copies_do_not(logs: Path, name: str, taken: bool) -> None:
    app = source(logs)
    (logs / name).parent.mkdir(exist_ok=True)
    (logs / name).write_text("x")
    assert bool(follow.link(app)) is taken


def test_a_star_matches_within_a_name(logs: Path) -> None:
    every = source(logs, "*.log")
    for name in ("a.log", "a.log.b.log", "b.log.1", "c.txt"):
        (logs / name).write_text(name)
    follow.link(every)
    assert linked(every) == ["a.log", "a.log.b.log", "b.log.1"]


def test_older_files_are_linked_first(logs: Path) -> None:
    app = source(logs)
    for age, name in enumerate(("app.log", "app.log.1", "app.log.2")):
        (logs / name).write_text(name)
        os.utime(logs / name, (1000 - age, 1000 - age))
    assert [Path(link).read_text() for link in follow.link(app)] == ["app.log.2", "app.log.1", "app.log"]


def test_a_link_goes_when_its_file_has_no_other_name_and_was_read(logs: Path) -> None:
    app = source(logs)
    (logs / "app.log").write_text("12345")
    [link] = follow.link(app)
    assert not follow.orphans([app])
    assert follow.forget(app, {link: 5}) == []
    (logs / "app.log").unlink()
    assert follow.orphans([app])
    assert follow.unread([app], {link: 2}) == {"app": 3}
    assert follow.forget(app, {link: 4}) == []
    assert follow.forget(app, {link: 5}) == [link]


def test_an_unfinished_line_of_a_file_that_nobody_writes_to_does_not_keep_it(logs: Path) -> None:
    app = source(logs)
    (logs / "app.log").write_text("12345")
    [link] = follow.link(app)
    (logs / "app.log").unlink()
    os.utime(link, (1, 1))
    assert follow.forget(app, {link: 3}) == [link]


def test_a_new_file_never_takes_the_place_of_an_old_one(logs: Path) -> None:
    """The file system gives the number of a deleted file to the next: the link's name must still be another."""
    app = source(logs)
    names = set()
    for _ in range(20):
        (logs / "app.log").write_text("x")
        [link] = follow.link(app)
        names.add(link)
        (logs / "app.log").unlink()
        follow.forget(app, {link: 1})
    assert len(names) == 20


def test_links_of_logs_that_are_no_longer_followed_are_removed_and_the_logs_stay(logs: Path) -> None:
    app = source(logs)
    (logs / "app.log").write_text("x")
    follow.link(app)
    assert follow.clear(str(logs.parent / "follow"), [app]) == []
    assert follow.clear(str(logs.parent / "follow"), []) == ["app"]
    assert (logs / "app.log").exists()


def test_where_links_do_not_reach_the_directory_is_beside_the_log(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")  # another file system, if there is one
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system")
    logs = elsewhere / f"staddle-test-{os.getpid()}"
    logs.mkdir()
    try:
        far = Source("far", str(tmp_path / "follow/far"), (str(logs / "app.log"),))
        follow.prepare(far)
        (logs / "app.log").write_text("x")
        [link] = follow.link(far)
        assert Path(link).stat().st_ino == (logs / "app.log").stat().st_ino
        assert follow.clear(str(tmp_path / "follow"), []) == ["far"]
        assert not (tmp_path / "follow/far").is_symlink()
    finally:
        for path in sorted(logs.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        logs.rmdir()


STATISTICS = """\
SourceName;SourceId;SourceInstance;State;Type;Number
source;s_nginx-access;;a;processed;7
src.file;s_nginx-access#0;/x/y;a;processed;7
dst.http;d_infra-1#0;http,http://127.0.0.1:9428/insert/jsonline;a;dropped;1
dst.http;d_infra-1#0;http,http://127.0.0.1:9428/insert/jsonline;a;queued;2
dst.http;d_infra-1#0;http,http://127.0.0.1:9428/insert/jsonline;a;written;4
global;payload_reallocs;;a;processed;9
.
"""


def test_statistics_are_told_by_source_and_receiver() -> None:
    found = control.parse_statistics(STATISTICS)
    assert found == control.Statistics({"nginx-access": 7}, {"infra-1": 4}, {"infra-1": 2}, {"infra-1": 1})


def test_an_answer_that_is_no_statistics_is_an_error() -> None:
    with pytest.raises(control.ControlError, match="answered 'FAIL"):
        control.parse_statistics("FAIL unknown command\n.\n")
    with pytest.raises(control.ControlError, match="does not answer"):
        control.statistics("/nowhere/syslog-ng.ctl")


def test_a_position_written_is_the_position_read(tmp_path: Path) -> None:
    log = tmp_path / "1.2"
    log.write_text("12345")
    assert control.parse_positions(control.end_of(str(log))) == {str(log): 5}
