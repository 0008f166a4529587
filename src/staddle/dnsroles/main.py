"""The program: every few seconds it asks who is primary, and writes the files that dnsmasq reads where that has changed."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.dnsroles.decide import Answer, Cluster, decide, first, hosts_file, primaries
from staddle.exporters.exposition import Family
from staddle.exporters.server import server, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

log = logging.getLogger("staddle.dnsroles")

EVERY = 2.0
"""Seconds between two looks."""
TIMEOUT = 5.0
QUERY = 'pg_replication_is_replica{job="pgsql"} == 0'


class Follower:
    """Keeps the names of all clusters of the settings. `problem` is why it can't ("": it can)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._clusters = [Cluster.of(name, each) for name, each in sorted(settings["clusters"].items())]
        self._folder = Path(settings["folder"])
        self._url = f"{settings['store']}/api/v1/query?{urllib.parse.urlencode({'query': QUERY})}"
        self._answers: dict[str, Answer] = {}
        self._changes = dict.fromkeys((each.cluster for each in self._clusters), 0)
        self.problem = ""
        self._begin()

    def _begin(self) -> None:
        """Names lead where they led before. Files of clusters that are none any more go. Raises OSError."""
        for path in self._folder.iterdir():
            if path.name not in self._changes:
                path.unlink()
        for cluster in self._clusters:
            path = self._folder / cluster.cluster
            before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            answer = Answer(first(cluster, before))
            if before != hosts_file(cluster, answer.primary):
                self._write(cluster, answer.primary)
            self._answers[cluster.cluster] = answer
            log.info("%s begins with %s", cluster.name, answer.primary or "nobody")

    def step(self) -> None:
        """One look at the store."""
        seen = self._ask()
        try:
            for cluster in self._clusters:
                self._follow(cluster, None if seen is None else seen.get(cluster.cluster, set()))
        except OSError as error:
            self._trouble(f"can't write below {self._folder}: {error.strerror}")
        else:
            if seen is not None:
                self._trouble("")

    def _ask(self) -> dict[str, set[str]] | None:
        """Who is primary, by cluster; None if nobody can say."""
        try:
            with urllib.request.urlopen(self._url, timeout=TIMEOUT) as reply:  # noqa: S310 - of the settings
                return primaries(json.loads(reply.read()))
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            self._trouble(f"the metrics store gives no answer: {error}")
            return None

    def _follow(self, cluster: Cluster, seen: set[str] | None) -> None:
        before = self._answers[cluster.cluster]
        answer = decide(cluster, seen, before.primary)
        if answer.primary != before.primary:
            self._write(cluster, answer.primary)
            self._changes[cluster.cluster] += 1
            old = before.primary or "nobody"
            log.info("%s led to %s and leads to %s: it is the primary", cluster.name, old, answer.primary)
        elif answer.doubt and answer.doubt != before.doubt:
            log.warning("%s goes on leading to %s: %s", cluster.name, answer.primary or "nobody", answer.doubt)
        self._answers[cluster.cluster] = answer

    def _write(self, cluster: Cluster, primary: str) -> None:
        """A file is noticed by dnsmasq when it gets its name, and one with a dot before it is not."""
        path = self._folder / cluster.cluster
        scratch = path.with_name(f".{path.name}")
        scratch.write_text(hosts_file(cluster, primary), encoding="utf-8")
        scratch.chmod(0o644)
        scratch.replace(path)

    def _trouble(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("%s", problem)
        elif self.problem and not problem:
            log.info("names follow the primaries again")
        self.problem = problem

    def metrics(self) -> Iterable[Family]:
        """What it does, for /metrics."""
        up = Family("dns_roles_up", "Whether the metrics store answered the last time, and names could be written.")
        up.add(int(not self.problem))
        known = Family("dns_roles_primary_known", "1 if the name leads to whom is primary now, 0 if to who last was.")
        info = Family("dns_roles_primary_info", "Whom the name of a cluster leads to, and who it is by the inventory.")
        changes = Family("dns_roles_changes_total", "Times that the name came to lead to somebody else.")
        for cluster in self._clusters:
            answer, labels = self._answers[cluster.cluster], {"cluster": cluster.cluster}
            known.add(int(bool(answer.primary) and not answer.doubt), **labels)
            info.add(1, **labels, primary=answer.primary, inventory=cluster.expected)
            changes.add(self._changes[cluster.cluster], **labels)
        return up, known, info, changes


def main(arguments: Sequence[str]) -> int:
    """Until SIGTERM. Exit status 1 if it can't start."""
    [path] = arguments
    logging.basicConfig(
        format="%(asctime)s,%(msecs)03d %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=20
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = settings_of(path)
        follower = Follower(settings)
        listening = server(settings, follower.metrics)
    except (OSError, ValueError, KeyError) as error:
        print(f"dns_roles: {error!r}", file=sys.stderr)
        return 1
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    while not stop.is_set():
        follower.step()
        stop.wait(EVERY)
    listening.shutdown()
    return 0
