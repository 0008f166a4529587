"""Statistics functions by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.evaluate import aggregate_numbers as numbers, aggregate_values as values

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.ast import StatsFunc
    from staddle.logs.logsql.evaluate.aggregate_base import Aggregate


def make(func: StatsFunc, step_seconds: float) -> Callable[[], Aggregate]:
    """A maker of fresh states. `step_seconds` is what rates are divided by, 0 for not at all."""
    kind = _KINDS[func.name]
    if func.name in {"rate", "rate_sum"}:
        return lambda: kind(func, step_seconds)
    return lambda: kind(func)


_KINDS: dict[str, Callable[..., Aggregate]] = {
    "avg": numbers.Avg,
    "count": numbers.Count,
    "count_empty": numbers.CountEmpty,
    "count_uniq": numbers.CountUniq,
    "count_uniq_hash": numbers.CountUniq,
    "histogram": numbers.Histogram,
    "json_values": values.JSONValues,
    "max": numbers.Extreme,
    "median": numbers.Quantile,
    "min": numbers.Extreme,
    "quantile": numbers.Quantile,
    "rate": numbers.Rate,
    "rate_sum": numbers.RateSum,
    "row_any": values.RowAny,
    "row_max": values.RowExtreme,
    "row_min": values.RowExtreme,
    "sum": numbers.Sum,
    "sum_len": numbers.SumLen,
    "uniq_values": values.UniqValues,
    "values": values.Values,
}
