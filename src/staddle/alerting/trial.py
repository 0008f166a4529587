"""Running the unit tests of rules with `vmalert-tool`.

They are in its format (which is that of promtool), without what goes without saying: `rule_files`, `interval` (10 s),
`evaluation_interval` (the same) and `groupname` are filled in. It compares annotations literally; to keep tests about what
matters, it is given the rules with their `summary` only. Each test is a run of its own with the rules that it is about, for
the tool evaluates all rules that it is given, in every step.
"""

from __future__ import annotations

import os
import queue
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from staddle.alerting.catalogue import Alert, Catalogue, Recording
from staddle.alerting.matching import parse_labels
from staddle.alerting.rendering import rendered
from staddle.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from staddle.manifest.layout import Program

INTERVAL = "10s"
PORTAL = "https://portal"
_SPARE = 4
_BAKED = b":8880"
"""Where vmalert-tool listens up to 1.112; a vmalert that runs is there already."""
_FAILED = re.compile(
    r"alertname: (?P<alert>\S+), time: (?P<time>\S+),\s*exp:\[(?P<exp>.*?)\],\s*got:\[(?P<got>.*?)\]",
    re.DOTALL,
)
_ALWAYS = re.compile(
    r"^(\s*|Unit Testing:.*|FAILED|failed to run unit test for file .*)$|[\d/]+ [\d:]+ (Total time:.*|unittest failed)$",
    re.MULTILINE,
)
_FIRING = re.compile(r"Labels:(\{.*?\})\s*\n\s*Annotations:(\{.*\})")
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Trial:
    """One test, as a complete file of tests, and the rules that it is about."""

    file: str
    module: str
    test: str
    content: Mapping[str, Any]
    rules: Mapping[str, bytes]
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert as expected, or as it was."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met."""

    alert: str
    time: str
    expected: tuple[Firing, ...]
    got: tuple[Firing, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test. `error` is what the tool said where that is no expectation that was not met."""

    file: str
    module: str
    test: str
    alerts: tuple[str, ...]
    seconds: float
    failures: tuple[Failure, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.error

    def to_data(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def trials(
    catalogue: Catalogue, tests: Sequence[tuple[str, str, dict[str, Any]]], *, module: str = "", keyword: str = ""
) -> list[Trial]:
    """The tests to run: those of a module whose name, file or alerts hold the keyword. Raises RuleError."""
    problems: list[str] = []
    found = [
        _trial(catalogue, of, file, data, test)
        for of, file, data in tests
        for test in data["tests"]
        if module in {"", of} and _wanted(test, file, keyword) and _known(test, file, catalogue, problems)
    ]
    if problems:
        raise RuleError(problems)
    return found


def run(tool: Program, chosen: Sequence[Trial], told: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
    """Run them, several at a time; `told` hears of each as it ends. In the order given."""
    workers = max(1, min(len(chosen), os.cpu_count() or 1))
    with tempfile.TemporaryDirectory(prefix="staddle-rules-") as scratch, ThreadPoolExecutor(workers) as pool:
        program = _Tool(tool, Path(scratch), workers)
        waiting = {pool.submit(program.run, trial, str(index)): index for index, trial in enumerate(chosen)}
        done: dict[int, Outcome] = {}
        for future in as_completed(waiting):
            done[waiting[future]] = future.result()
            told(future.result())
    return [done[index] for index in range(len(chosen))]


class _Tool:
    """vmalert-tool, as often at the same time as there are workers: each run has a port and a directory of its own.

    Copies are made before the first run: a file that is open for writing while another thread forks can't be run.
    """

    def __init__(self, program: Program, scratch: Path, workers: int) -> None:
        self._program, self._scratch = program, scratch
        content = Path(program.path).read_bytes()
        baked = b"httpListenPort" not in content and _BAKED in content
        self._paths: queue.SimpleQueue[str] = queue.SimpleQueue()
        for port in _free_ports(workers + _SPARE) if baked else ():
            # Of the same length, as when a program's paths are relocated.
            path = scratch / f"vmalert-tool-{port}"
            path.write_bytes(content.replace(_BAKED, b":%d" % port))
            path.chmod(0o700)
            self._paths.put(str(path))
        for _ in range(0 if baked else workers):
            self._paths.put(program.path)

    def run(self, trial: Trial, name: str) -> Outcome:
        home = self._scratch / name
        home.mkdir()
        for file, content in trial.rules.items():
            (home / file).write_bytes(content)
        (home / "test.yml").write_text(yaml.dump(dict(trial.content), Dumper=_Dumper, allow_unicode=True), "utf-8")
        start = time.monotonic()
        result = self._run(home)
        seconds = round(time.monotonic() - start, 3)
        shutil.rmtree(home)
        outcome = Outcome(trial.file, trial.module, trial.test, trial.alerts, seconds)
        return outcome if result.returncode == 0 else _failed(outcome, result.stdout + result.stderr)

    def _run(self, home: Path) -> subprocess.CompletedProcess[str]:
        path = self._paths.get()
        # It keeps its data below TMPDIR, always under the same name.
        environment = {**self._program.environment, "TMPDIR": str(home)}
        argv = [path, "unittest", f"--files={home}/test.yml"]
        result = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
        if "cannot start http server" in result.stderr and not self._paths.empty():
            # Somebody else took its port: that copy is not used again.
            return self._run(home)
        self._paths.put(path)
        return result


def _trial(catalogue: Catalogue, module: str, file: str, data: dict[str, Any], test: dict[str, Any]) -> Trial:
    alerts = tuple(dict.fromkeys(case["alertname"] for case in test.get("alert_rule_test") or []))
    part = _about(catalogue, alerts, str(test))
    files = {f"rules-{name}": _with_summaries(text) for name, text in rendered(part, PORTAL, {}, ()).items()}
    complete = _completed(test, catalogue)
    content = {"evaluation_interval": complete["interval"], **data, "rule_files": sorted(files), "tests": [complete]}
    return Trial(file, module, str(test.get("name", "")), content, files, alerts)


def _known(test: dict[str, Any], file: str, catalogue: Catalogue, problems: list[str]) -> bool:
    names = [str(case.get("alertname")) for case in test.get("alert_rule_test") or []]
    unknown = [name for name in dict.fromkeys(names) if name not in catalogue.alerts]
    problems += [f"{file}: tests {name}, which is no alert" for name in unknown]
    return not unknown


def _wanted(test: dict[str, Any], file: str, keyword: str) -> bool:
    alerts = (str(case.get("alertname")) for case in test.get("alert_rule_test") or [])
    return keyword.lower() in " ".join((str(test.get("name", "")), file, *alerts)).lower()


def _completed(test: dict[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    wanted = [
        {"groupname": catalogue.alerts[case["alertname"]].group, **case} for case in test.get("alert_rule_test") or []
    ]
    return {"interval": INTERVAL, **test, **({"alert_rule_test": wanted} if wanted else {})}


def _about(catalogue: Catalogue, alerts: Sequence[str], text: str) -> Catalogue:
    """Only these alerts, and the recording rules that they or `text` need: the tool evaluates all that it is given."""
    needed = " ".join([text, *(catalogue.alerts[name].expr for name in alerts)])
    recordings = [rule for group in catalogue.groups for rule in group.rules if isinstance(rule, Recording)]
    kept: set[str] = set()
    while more := [rule for rule in recordings if rule.name in needed and rule.name not in kept]:
        kept |= {rule.name for rule in more}
        needed += " ".join(rule.expr for rule in more)
    groups = (
        replace(
            group,
            rules=tuple(rule for rule in group.rules if rule.name in (alerts if isinstance(rule, Alert) else kept)),
        )
        for group in catalogue.groups
    )
    return Catalogue(tuple(group for group in groups if group.rules))


def _with_summaries(content: bytes) -> bytes:
    data = yaml.load(content, _Loader)  # noqa: S506 - a safe one
    for group in data["groups"]:
        for rule in group["rules"]:
            if "annotations" in rule:
                rule["annotations"] = {"summary": rule["annotations"].get("summary", "")}
    text: str = yaml.dump(data, Dumper=_Dumper, allow_unicode=True)
    return text.encode()


def _failed(outcome: Outcome, printed: str) -> Outcome:
    failures = tuple(_failures(printed))
    # What was said beyond expectations, without what always comes.
    rest = " ".join(_ALWAYS.sub("", printed).split())
    return replace(outcome, failures=failures, error="" if failures else rest or "no reason given")


def _failures(printed: str) -> Iterator[Failure]:
    for match in _FAILED.finditer(printed):
        expected, got = (tuple(_firings(match[key])) for key in ("exp", "got"))
        yield Failure(match["alert"], match["time"], expected, got)


def _firings(text: str) -> Iterator[Firing]:
    for labels, texts in _FIRING.findall(text):
        told = {key: value for key, value in parse_labels(labels).items() if key not in {"alertgroup", "alertname"}}
        yield Firing(told, parse_labels(texts))


def _free_ports(count: int) -> list[int]:
    """Of four digits, as the one that they replace."""
    found: list[int] = []
    for port in random.sample(range(2000, 10_000), 8000):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return found
