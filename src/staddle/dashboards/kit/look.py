"""What a value looks like: thresholds, mappings of values to words, and overrides of single series or columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.models import dashboard as m

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from staddle.dashboards.kit.links import Link

Steps = tuple[tuple[float | None, str], ...]
"""Thresholds: from which value on which colour. The first has no value."""
Words = tuple[tuple[str, str, str], ...]
"""A value, the word for it, and its colour."""

UP: Words = (("0", "down", "red"), ("1", "up", "green"))
YES_BAD: Words = (("0", "no", "green"), ("1", "yes", "red"))
OK: Words = (("0", "failed", "red"), ("1", "ok", "green"))


def calm(color: str = "blue") -> Steps:
    """A number that is neither good nor bad."""
    return ((None, color),)


def above(warning: float, critical: float | None = None) -> Steps:
    """Bad when it is high."""
    steps: Steps = ((None, "green"), (warning, "orange" if critical is not None else "red"))
    return steps if critical is None else (*steps, (critical, "red"))


def below(critical: float, warning: float | None = None) -> Steps:
    """Bad when it is low: red below `critical`, orange below `warning`."""
    if warning is None:
        return ((None, "red"), (critical, "green"))
    return ((None, "red"), (critical, "orange"), (warning, "green"))


def thresholds(steps: Steps) -> m.ThresholdsConfig:
    """As Grafana has them."""
    return m.ThresholdsConfig(
        mode=m.ThresholdsMode.ABSOLUTE, steps=[m.Threshold(value=value, color=color) for value, color in steps]
    )


def mappings(words: Words) -> list[m.ValueMapping]:
    """As Grafana has them."""
    options = {
        value: m.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, text, color) in enumerate(words)
    }
    return [m.ValueMap(options=options)] if options else []


class _DataLink(m.DashboardLink):
    """The SDK has one type for links of dashboards and of values; the latter have three fields only."""

    def to_json(self) -> dict[str, object]:
        return {"title": self.title, "url": self.url, "targetBlank": self.target_blank}


def data_links(links: Sequence[Link]) -> list[m.DashboardLink]:
    """Links of values."""
    return [_DataLink(title=link.title, url=link.url, target_blank=link.blank) for link in links]


@dataclass(frozen=True, slots=True)
class Override:
    """Properties for the series or columns that `by` (byName, byRegexp, byFrameRefID) finds with `value`."""

    value: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    by: str = "byName"

    def built(self) -> m.DashboardFieldConfigSourceOverrides:
        """As Grafana has it."""
        return m.DashboardFieldConfigSourceOverrides(
            matcher=m.MatcherConfig(id_val=self.by, options=self.value),
            properties=[m.DynamicConfigValue(id_val=name, value=value) for name, value in self.properties.items()],
        )


def colored(value: str, color: str, *, by: str = "byName") -> Override:
    """A series in a colour that means something."""
    return Override(value, {"color": {"mode": "fixed", "fixedColor": color}}, by)


def mirrored(regexp: str) -> Override:
    """Series drawn downwards: what is sent below what is received."""
    return Override(regexp, {"custom.transform": "negative-Y"}, "byRegexp")


def dashed(regexp: str, color: str = "red") -> Override:
    """A limit among measured values."""
    line = {"fill": "dash", "dash": [8, 6]}
    fixed = {"mode": "fixed", "fixedColor": color}
    return Override(regexp, {"custom.lineStyle": line, "custom.fillOpacity": 0, "color": fixed}, "byRegexp")
