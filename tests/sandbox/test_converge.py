"""converge with real programs: a supervisord, and a small HTTP server that says which configuration it has read."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.converge_host import SupervisedHost

from staddle.manifest.resources import Block, File, Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.converge.report import BlockResult, Report

pytestmark = pytest.mark.sandbox

KILLS = int(os.environ.get("STADDLE_KILLS", "100"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupervisedHost]:
    host = SupervisedHost(tmp_path_factory.mktemp("h"))
    yield host
    host.close()


@pytest.fixture
def host(shared: SupervisedHost) -> Iterator[SupervisedHost]:
    """Stopping supervisord takes seconds, so tests share one, and leave it as empty as they found it."""
    yield shared
    report = shared.converge()
    assert not report.failed, report.to_json()
    assert shared.processes() == {}
    assert [path.name for path in shared.base.iterdir()] == ["services"]


def only(report: Report) -> BlockResult:
    assert report.error is None, report.error
    (block,) = report.blocks
    return block


def action(report: Report) -> str:
    service = only(report).service
    assert service is not None
    return service.action


def test_a_first_run_starts_it_and_a_second_does_nothing(host: SupervisedHost) -> None:
    first = host.converge(host.web())
    assert (first.exit_code, action(first)) == (2, "start")
    assert host.answer() == "r1\nl1\n"
    pid = host.pid()
    second = host.converge(host.web())
    assert (second.exit_code, second.changes(), host.pid()) == (0, [], pid)
    service = only(second).service
    assert service is not None
    assert (service.pid_before, service.pid_after, service.healthy) == (pid, pid, True)


@pytest.mark.parametrize(
    ("change", "expected", "same_process"),
    [
        ({"restart": "r2\n"}, "restart", False),
        ({"reload": "l2\n"}, "reload", True),
        ({"none": "n2\n"}, "none", True),
        ({"restart": "r2\n", "reload": "l2\n"}, "restart", False),
        ({"reload": "l2\n", "signal_name": None}, "restart", False),
        ({"extra": 'environment=A="1"'}, "restart", False),
    ],
)
def test_only_what_a_change_needs_is_done(
    host: SupervisedHost, change: dict[str, str], expected: str, same_process: bool
) -> None:
    host.converge(host.web(none="n1\n"))
    pid = host.pid()
    wanted = host.web(**{"none": "n1\n", **change})  # type: ignore[arg-type]
    check = host.converge(wanted, check=True)
    assert (host.pid(), host.answer()) == (pid, "r1\nl1\n")
    report = host.converge(wanted)
    assert check.changes() == report.changes()
    assert (report.exit_code, action(report)) == (2, expected)
    assert (host.pid() == pid) is same_process
    assert host.answer() == change.get("restart", "r1\n") + change.get("reload", "l1\n")
    assert host.converge(wanted).exit_code == 0


def test_a_refused_configuration_does_not_touch_the_running_service(host: SupervisedHost) -> None:
    host.converge(host.web())
    pid = host.pid()
    code = "import sys; p = sys.argv[1]; sys.exit(p + ':1: no such word' if 'bad' in open(p).read() else 0)"
    judge = Validator("judge", (sys.executable, "-ISc", code, f"{{stage}}{host.base}/web/reload.conf"))
    report = host.converge(host.web(reload="bad\n", restart="r2\n", validators=(judge,)))
    block = only(report)
    assert (report.exit_code, block.outcome) == (1, "failed")
    assert block.message == f"judge: {host.base}/web/reload.conf:1: no such word"
    assert block.origin == "staddle.yml:7 (web)"
    assert (host.pid(), host.answer()) == (pid, "r1\nl1\n")
    assert host.converge(host.web(validators=(judge,))).exit_code == 0


def test_a_change_that_kills_the_service_is_rolled_back_at_once(host: SupervisedHost) -> None:
    host.converge(host.web())
    began = time.monotonic()
    report = host.converge(host.web(restart="die\n", health_timeout=20.0))
    assert time.monotonic() - began < 5
    block = only(report)
    assert (report.exit_code, block.outcome) == (1, "rolled back")
    assert "web died" in (block.message or "")
    assert block.log_tail == "server: told to die by restart.conf"
    assert {r.outcome for r in block.resources if r.action == "update"} == {"rolled back"}
    assert (host.base / "web" / "restart.conf").read_text() == "r1\n"
    assert host.answer() == "r1\nl1\n"
    assert host.converge(host.web()).exit_code == 0


def test_a_reload_that_kills_the_service_is_rolled_back(host: SupervisedHost) -> None:
    host.converge(host.web())
    block = only(host.converge(host.web(reload="die\n")))
    assert block.outcome == "rolled back", block
    assert "told to die by reload.conf" in (block.log_tail or "")
    assert host.answer() == "r1\nl1\n"
    assert host.converge(host.web()).exit_code == 0


@pytest.mark.parametrize("change", [{"restart": "broken\n"}, {"reload": "broken\n"}])
def test_a_change_that_makes_it_unhealthy_is_rolled_back_after_its_time(
    host: SupervisedHost, change: dict[str, str]
) -> None:
    host.converge(host.web())
    extra = File(str(host.base / "web" / "new.conf"), b"new\n")
    block = only(host.converge(host.web(health_timeout=0.5, files=(extra,), **change)))  # type: ignore[arg-type]
    assert block.outcome == "rolled back"
    assert "expected 200" in (block.message or "")
    assert host.answer() == "r1\nl1\n"
    assert not (host.base / "web" / "new.conf").exists()
    assert host.converge(host.web()).exit_code == 0


def test_a_first_start_that_fails_leaves_nothing(host: SupervisedHost) -> None:
    block = only(host.converge(host.web(restart="die\n")))
    assert block.outcome == "failed"
    assert block.log_tail == "server: told to die by restart.conf"
    assert not (host.base / "web").exists()
    assert host.processes() == {}
    assert host.converge(host.web()).exit_code == 2


def test_a_program_that_does_not_exist_is_said_so(host: SupervisedHost) -> None:
    host.converge(host.web())
    wanted = host.web()
    broken = tuple(
        File(r.path, r.content.replace(sys.executable.encode(), b"/no/such/program"))
        if isinstance(r, File) and r.path.endswith("/services/web.conf")
        else r
        for r in wanted.resources
    )
    block = only(host.converge(Block("web", "test", broken, (), wanted.service)))
    assert block.outcome == "rolled back"
    assert "/no/such/program" in (block.message or "")
    assert host.answer() == "r1\nl1\n"


def test_one_failing_component_does_not_stop_the_others(host: SupervisedHost) -> None:
    report = host.converge(host.web("one"), host.web("two", restart="die\n"), host.web("three"))
    assert [block.outcome for block in report.blocks] == ["changed", "failed", "changed"]
    assert host.answer("three") == "r1\nl1\n"


def test_a_stopped_service_is_started(host: SupervisedHost) -> None:
    host.converge(host.web())
    from staddle.converge.supervisor import Supervisor

    Supervisor(str(host.socket))._stop("web", 5)
    assert action(host.converge(host.web(), check=True)) == "start"
    assert action(host.converge(host.web())) == "start"
    assert host.answer() == "r1\nl1\n"


def test_a_service_that_gives_up_by_itself_is_reported_with_its_log(host: SupervisedHost) -> None:
    host.converge(host.web())
    (host.base / "web" / "restart.conf").chmod(0o644)
    script = host.root / "server.py"
    text = script.read_text()
    script.write_text("import sys; sys.exit('server: broken upgrade')\n")
    os.kill(host.pid(), signal.SIGKILL)
    time.sleep(0.5)
    block = only(host.converge(host.web()))
    assert block.outcome == "failed"
    assert "server: broken upgrade" in (block.log_tail or "")
    script.write_text(text)
    assert host.converge(host.web()).exit_code == 2


def test_a_running_but_unhealthy_service_gets_one_restart(host: SupervisedHost) -> None:
    wanted = host.web(health_timeout=0.5)
    host.converge(wanted)
    os.kill(host.pid(), signal.SIGSTOP)
    stopped = host.pid()
    report = host.converge(wanted)
    assert (report.exit_code, action(report)) == (2, "restart")
    assert "not healthy" in (only(report).message or "")
    assert host.pid() != stopped
    assert host.answer() == "r1\nl1\n"


def test_one_file_less_is_a_reload(host: SupervisedHost) -> None:
    site = File(str(host.base / "web" / "site.conf"), b"site\n", on_change="reload")
    host.converge(host.web(files=(site,)))
    pid = host.pid()
    report = host.converge(host.web())
    assert action(report) == "reload"
    assert report.changes()[0][1:] == (site.path, "remove")
    assert (host.pid(), (host.base / "web" / "site.conf").exists()) == (pid, False)


def test_what_the_manifest_no_longer_names_is_stopped_and_removed(host: SupervisedHost) -> None:
    host.converge(host.web("one"), host.web("two"))
    pid = host.pid("two")
    check = host.converge(host.web("one"), check=True)
    report = host.converge(host.web("one"))
    assert check.changes() == report.changes()
    assert ("two", "two", "stop") in report.changes()
    assert list(host.processes()) == ["one"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not (host.base / "two").exists()
    assert host.converge(host.web("one")).exit_code == 0


def test_only_leaves_the_others_alone(host: SupervisedHost) -> None:
    host.converge(host.web("one"), host.web("two"))
    report = host.converge(host.web("one", restart="r2\n"), host.web("three"), only=("one",))
    assert [block.component for block in report.blocks] == ["one"]
    assert sorted(host.processes()) == ["one", "two"]


def test_fifteen_components_with_nothing_to_do_cost_next_to_nothing(host: SupervisedHost) -> None:
    blocks = [host.web(f"web{i}", files=tuple(host_files(host, f"web{i}"))) for i in range(15)]
    first = host.converge(*blocks)
    assert first.exit_code == 2, first.to_data()
    best = min(host.converge(*blocks).seconds for _ in range(5))
    print(f"15 components, {15 * 24} resources, nothing to do: {best * 1000:.0f} ms")
    assert best < 0.3, best


def host_files(host: SupervisedHost, name: str) -> Iterator[File]:
    for i in range(20):
        yield File(str(host.base / name / f"{i}.conf"), b"x" * 2000, on_change="none")


def test_it_says_when_supervisord_is_not_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    host = SupervisedHost(tmp_path_factory.mktemp("h"))
    host.converge(host.web())
    host.close()
    report = host.converge(host.web(restart="r2\n"))
    assert only(report).outcome == "failed"
    assert "supervisord is not running" in (only(report).message or "")
    assert (host.base / "web" / "restart.conf").read_text() == "r1\n"


def killed_after_the_swap(host: SupervisedHost, wanted: Block) -> None:
    """A run that is killed when its files are in place, and its service does not know yet."""
    from staddle.converge.files import Swap

    pid = os.fork()
    if pid == 0:
        commit = Swap.commit

        def die(swap: Swap) -> None:
            commit(swap)
            os.kill(os.getpid(), signal.SIGKILL)

        Swap.commit = die  # type: ignore[method-assign, assignment]
        try:
            host.converge(wanted)
        finally:
            os._exit(99)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_files_in_place_but_not_read_yet(host: SupervisedHost) -> None:
    host.converge(host.web())
    killed_after_the_swap(host, host.web(reload="l2\n"))
    assert host.answer() == "r1\nl1\n"
    report = host.converge(host.web(reload="l2\n"))
    assert report.changes() == [("web", "web", "reload")]
    assert "interrupted" in (only(report).message or "")
    assert host.answer() == "r1\nl2\n"


def test_going_back_over_an_interrupted_change(host: SupervisedHost) -> None:
    """It goes back to what was healthy: not to the half that the killed run left, which nobody ever tried."""
    host.converge(host.web())
    killed_after_the_swap(host, host.web(restart="die\n"))
    block = only(host.converge(host.web(restart="die too\n")))
    assert block.outcome == "rolled back"
    assert (host.base / "web" / "restart.conf").read_text() == "r1\n"
    assert host.answer() == "r1\nl1\n"
    assert host.converge(host.web()).exit_code == 0


def test_a_first_start_that_was_interrupted_and_is_refused_then_leaves_nothing(host: SupervisedHost) -> None:
    from staddle.converge.operate import Operator

    pid = os.fork()
    if pid == 0:
        act = Operator.act

        def die(*args: Any) -> None:
            act(*args)
            os.kill(os.getpid(), signal.SIGKILL)

        Operator.act = die  # type: ignore[method-assign, assignment]
        try:
            host.converge(host.web())
        finally:
            os._exit(99)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert host.answer() == "r1\nl1\n"
    refuse = Validator("judge", (sys.executable, "-ISc", "raise SystemExit('no')"))
    block = only(host.converge(host.web(reload="l2\n", validators=(refuse,))))
    assert block.message == "judge: no; an interrupted earlier change was undone"
    assert host.processes() == {}
    assert not (host.base / "web").exists()


@pytest.mark.timeout(900)
def test_killed_at_any_moment_the_next_run_completes_it(host: SupervisedHost) -> None:
    """kill -9 of converge (not of the service) at random moments of a change: afterwards one run makes the disk and the
    running process equal the manifest, and one more changes nothing.
    """
    rng = random.Random(4711)
    assert host.converge(host.web()).exit_code == 2
    killed = 0
    for turn in range(KILLS):
        kind = turn % 3
        web = host.web(
            restart=f"r{turn if kind != 1 else 0}\n",
            reload=f"l{turn if kind != 0 else 0}\n",
            none=f"n{turn}\n" if turn % 2 else None,
            extra=f'environment=TURN="{turn}"' if turn % 5 == 0 else "",
        )
        wanted = [] if turn % 7 == 6 else [web]
        if turn % 5 == 3:
            wanted = [host.web(restart="die\n", none="n\n")]  # killed while it goes back, if late enough
        pid = os.fork()
        if pid == 0:
            try:
                host.converge(*wanted)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.0, 0.08))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed += os.WIFSIGNALED(status)
        # Sometimes the component is dropped altogether, and sometimes the operator takes the change back instead.
        goal = wanted if turn % 4 and turn % 5 != 3 else [host.web()]
        report = host.converge(*goal)
        assert not report.failed, (turn, report.to_json())
        files = {r.path: r.content.decode() for b in goal for r in b.resources if isinstance(r, File)}
        assert {str(p): p.read_text() for p in host.base.rglob("*") if p.is_file()} == files, turn
        again = host.converge(*goal)
        assert again.exit_code == 0, (turn, again.to_json())
        assert not list(host.root.rglob("*staddle-tmp*"))
        assert list(host.processes()) == [b.component for b in goal]
        if not goal:
            continue
        said = files[f"{host.base}/web/restart.conf"] + files[f"{host.base}/web/reload.conf"]
        assert host.answer() == said, turn
        definition = files[f"{host.base}/services/web.conf"]
        environment = Path(f"/proc/{host.pid()}/environ").read_text()
        assert (f"TURN={turn}\0" in environment) == ("TURN" in definition), turn
    print(f"killed {killed} of {KILLS} runs before their end")
    assert killed > KILLS // 3
