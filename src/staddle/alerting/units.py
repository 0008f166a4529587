"""Thresholds as people write and read them: 0.9 or 90%, 14d, 10GiB."""

from __future__ import annotations

from typing import Literal, get_args

from staddle.inventory.parameters.values import Duration, Size

Unit = Literal["ratio", "seconds", "bytes", "count", "per second", "bytes per second"]
UNITS: tuple[str, ...] = get_args(Unit)
ALLOWED = {
    "ratio": "a number, as in 0.9, or 90%",
    "seconds": "a number of seconds, or a length of time, as in 14d",
    "bytes": "a number of bytes, or a size, as in 10GiB",
    "bytes per second": "a number of bytes, or a size, as in 10MiB",
}
_NUMBER = "a number"


def read(text: str, unit: str) -> float:
    """What a threshold of that unit says. Raises ValueError that says what would be right."""
    try:
        if unit == "ratio" and text.endswith("%"):
            return round(float(text[:-1]) / 100, 9)
        return _number(text)
    except ValueError:
        pass
    try:
        if unit == "seconds":
            return Duration(text).seconds
        if unit.startswith("bytes"):
            return float(Size(text).bytes)
    except ValueError:
        pass
    raise ValueError(ALLOWED.get(unit, _NUMBER))


def number(value: float) -> str:
    """As it stands in a query."""
    return str(int(value)) if value == int(value) else repr(value)


def shown(value: float, unit: str) -> str:
    """As it stands in a sentence."""
    if unit == "ratio":
        return f"{number(round(value * 100, 7))} %"
    if unit == "seconds":
        return _largest(value, ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"), (0.001, "ms")))
    if unit.startswith("bytes"):
        text = _largest(value, ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")), gap=" ")
        return text + unit.removeprefix("bytes").replace(" per second", "/s")
    return number(value) + ("/s" if unit == "per second" else "")


def _number(text: str) -> float:
    value = float(text)
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
        raise ValueError(text)
    return value


def _largest(value: float, units: tuple[tuple[float, str], ...], gap: str = "") -> str:
    """In the largest unit that leaves a number of few digits."""
    for size, name in units:
        scaled = value / size
        if scaled >= 1 and round(scaled, 1) == scaled:
            return f"{number(scaled)}{gap}{name}"
    return f"{number(value)}{gap}{units[-1][1] if value and value < 1 else next(n for s, n in units if s == 1)}"
