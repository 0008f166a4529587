"""SQL that makes columns from JSON lines: time, message, stream and fields, as a `RowFormat` says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from staddle.store.names import (
    MORE,
    MSG,
    STREAM,
    STREAM_ID,
    TENANT,
    TIME,
    column_of,
    literal,
    pointer,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.store.rowformat import RowFormat

MACROS = r"""
create or replace temp macro zone_ns(v) as
  case when regexp_matches(v, '[+-]\d\d:?\d\d$') and length(v) > 16
    then (case when regexp_extract(v, '([+-])\d\d:?\d\d$', 1) = '-' then -1 else 1 end)
      * (cast(regexp_extract(v, '[+-](\d\d):?\d\d$', 1) as bigint) * 3600
        + cast(regexp_extract(v, '[+-]\d\d:?(\d\d)$', 1) as bigint) * 60) * 1000000000
    else 0 end;
create or replace temp macro time_ns(v, now) as
  case when v is null or v = '' or v = '0' or v = '-' then now
    when v[5] <> '-' then unix_ns(v)
    when v[-1] = 'Z' then epoch_ns(try_cast(v as timestamp_ns))
    else epoch_ns(try_cast(v as timestamp_ns)) - zone_ns(v) end;
create or replace temp macro go_escaped(v) as
  replace(replace(replace(replace(replace(
    v, '\', '\\'), '"', '\"'), chr(10), '\n'), chr(9), '\t'), chr(13), '\r');
create or replace temp macro without_colours(v) as regexp_replace(v, '\x1b\[[0-9;?]*[A-Za-z]', '', 'g');
"""
_DECIMAL = "try_cast(v as decimal(38,9))"
UNIX_MACRO = (
    "create or replace temp macro unix_ns(v) as try_cast("
    f"case when abs({_DECIMAL}) < 2147483648 then {_DECIMAL} * 1000000000 "
    f"when abs({_DECIMAL}) < 2147483648000 then {_DECIMAL} * 1000000 "
    f"when abs({_DECIMAL}) < 2147483648000000 then {_DECIMAL} * 1000 else {_DECIMAL} end as bigint);"
)


_ESCAPED = r'[\x00-\x1f"\\]'


def covered(field: str, patterns: Sequence[str]) -> bool:
    """Is a field named by one of the patterns (a name, or `prefix*`)?"""
    return any(field.startswith(p[:-1]) if p.endswith("*") else field == p for p in patterns)


def stream_text(labels: dict[str, str], special: str) -> str:
    """SQL for a stream's canonical text. `labels`: SQL by name; `special`: may a value have to be escaped?"""
    plain, escaped = (
        "concat_ws(',', "
        + ", ".join(f"{literal(f + '=')} || '\"' || {wrap.format(labels[f])} || '\"'" for f in sorted(labels))
        + ")"
        for wrap in ("{}", "go_escaped({})")
    )
    return f"'{{' || case when {special} then {escaped} else {plain} end || '}}'"


def _as_written(key: str) -> str:
    """A regular expression for a JSON key, as most writers escape it."""
    return "|".join(sorted({re.escape(json.dumps(key, ensure_ascii=ascii_only)) for ascii_only in (False, True)}))


class RowSelect:
    """The SELECT list for one batch of lines.

    `keys` are the JSON keys to extract; `float_keys` have numbers whose text DuckDB would not keep.
    """

    def __init__(self, row_format: RowFormat, keys: Sequence[str], float_keys: frozenset[str]) -> None:
        self.format = row_format
        self.keys = list(keys)
        self.slots = {key: f"c{i}" for i, key in enumerate(self.keys)}
        self.float_keys = float_keys

    def raw(self) -> str:
        """Columns c0, c1 ...: every key's text or NULL."""
        parts = []
        for i, key in enumerate(self.keys):
            text = f"s[{i + 1}]"
            if key in self.float_keys:
                pattern = literal(rf"(?:{_as_written(key)})\s*:\s*(-?[0-9][0-9.eE+-]*)")
                written = f"nullif(regexp_extract(json, {pattern}, 1), '')"
                text = f"case when {text} is not null then coalesce({written}, {text}) end"
            parts.append(f"{text} as c{i}")
        return ", ".join(parts)

    def pointers(self) -> str:
        """The list of JSON pointers to extract."""
        return "[" + ", ".join(literal(pointer(k)) for k in self.keys) + "]"

    def values(self) -> dict[str, str]:
        """Field name -> SQL over `raw()`: renamed, ignored, decolorized, extended as the format says.
        Without time and stream.
        """
        fmt = self.format
        chosen_time = self._present(fmt.time_fields)
        values: dict[str, str] = {}
        for key, slot in self.slots.items():
            if covered(key, fmt.ignore_fields) or (key in {STREAM, STREAM_ID} and key not in fmt.msg_fields):
                continue
            if key in chosen_time:
                # The field that gave the time is used up; one that was not needed stays.
                earlier = [self.slots[k] for k in chosen_time[: chosen_time.index(key)]]
                if not earlier or key == TIME:
                    continue
                values[key] = f"case when coalesce({', '.join(earlier)}) is not null then {slot} end"
                continue
            if key == TIME:
                continue
            name, text = key or MSG, f"nullif({slot}, '')"
            values[name] = f"coalesce({values[name]}, {text})" if name in values else text
        self._choose_message(values)
        for key, expression in values.items():
            if covered(key, fmt.decolorize_fields):
                values[key] = f"without_colours({expression})"
        for key, value in fmt.extra_fields:
            if value and key != TIME:
                values[key] = literal(value)
        if fmt.default_msg:
            values[MSG] = f"coalesce({values.get(MSG, 'NULL')}, {literal(fmt.default_msg)})"
        return values

    def _present(self, fields: Sequence[str]) -> list[str]:
        return [f for f in fields if f in self.slots]

    def _choose_message(self, values: dict[str, str]) -> None:
        candidates = [f for f in self.format.msg_fields if f in values and f != MSG]
        if not candidates:
            return
        own = [values[MSG]] if MSG in values else []
        chosen = [values[f] for f in candidates]
        for i, field in enumerate(candidates):
            if i:
                values[field] = f"case when coalesce({', '.join(chosen[:i])}) is not null then {chosen[i]} end"
            else:
                del values[field]
        values[MSG] = f"coalesce({', '.join(chosen + own)})"

    def time(self) -> str:
        """Unix nanoseconds, NULL when the text is no time."""
        slots = [self.slots[f] for f in self._present(self.format.time_fields)]
        if not slots:
            return "now"
        text = ", ".join(slots)
        return f"time_ns({text if len(slots) == 1 else f'coalesce({text})'}, now)"

    def stream(self, values: dict[str, str]) -> str:
        """The stream's canonical text."""
        labels = [f for f in sorted(set(self.format.stream_fields)) if f in values]
        if not labels:
            return "'{}'"
        # What has to be escaped can only come from an escape in the JSON, and most lines have none.
        special = "contains(json, '\\')"
        if any(re.search(_ESCAPED, value) for name, value in self.format.extra_fields if name in labels):
            special = "true"
        return stream_text({f: values[f] for f in labels}, special)

    def sql(self, source: str, min_ns: int, max_ns: int) -> str:
        """The whole SELECT over `source` (columns json, tenant, now): rows with times in [min_ns, max_ns]."""
        values = self.values()
        columns = [
            f"tenant as {quoted(TENANT)}",
            f"{self.time()} as {TIME}",
            f"{self.stream(values)} as {STREAM}",
        ]
        columns += [f"{expression} as {quoted(f if f == MORE else column_of(f))}" for f, expression in values.items()]
        extract = f"select tenant, now, json, json_extract_string(json, {self.pointers()}) as s from {source}"
        if not self.keys:
            extract = f"select tenant, now, json from {source}"
        raw = self.raw()
        return (
            f"select * from (select {', '.join(columns)} from (select tenant, now, "
            f"json{', ' if raw else ''}{raw} from ({extract}))) "
            f"where {TIME} between {min_ns} and {max_ns}"
        )
