"""Counters, gauges and summaries in Prometheus' text format, under the names that dashboards of the original
use.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 500
QUANTILES = (0.5, 0.9, 0.97, 0.99, 1.0)


class Metrics:
    """A registry. Names carry their labels: `name{a="b"}`. Thread-safe.

    Names that begin with `vl_` are those of the log store; another program's `prefix` replaces that.
    """

    def __init__(self, prefix: str = "vl") -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._counters: dict[str, float] = defaultdict(float)
        self._durations: dict[str, deque[float]] = {}
        self._sums: dict[str, tuple[int, float]] = {}
        self._gauges: list[Callable[[], dict[str, float]]] = []

    def add(self, name: str, value: float = 1) -> None:
        """Count."""
        with self._lock:
            self._counters[name] += value

    def get(self, name: str) -> float:
        """A counter's value."""
        with self._lock:
            return self._counters.get(name, 0.0)

    def observe(self, name: str, labels: str, seconds: float) -> None:
        """One duration for a summary over the latest observations."""
        key = f"{name}|{labels}"
        with self._lock:
            self._durations.setdefault(key, deque(maxlen=WINDOW)).append(seconds)
            count, total = self._sums.get(key, (0, 0.0))
            self._sums[key] = count + 1, total + seconds

    def gauges(self, source: Callable[[], dict[str, float]]) -> None:
        """Values to ask for at every scrape."""
        self._gauges.append(source)

    def render(self) -> str:
        """The text for a scrape."""
        with self._lock:
            values = dict(self._counters)
            for key, window in self._durations.items():
                name, labels = key.split("|", 1)
                ordered = sorted(window)
                for q in QUANTILES:
                    at = min(int(q * len(ordered)), len(ordered) - 1)
                    values[f'{name}{{{labels},quantile="{q:g}"}}'] = ordered[at]
                values[f"{name}_count{{{labels}}}"], values[f"{name}_sum{{{labels}}}"] = self._sums[key]
        for source in self._gauges:
            values.update(source())
        named = {f"{self._prefix}_{n[3:]}" if n.startswith("vl_") else n: v for n, v in values.items()}
        return "".join(f"{name} {_number(named[name])}\n" for name in sorted(named))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
