"""One syslog message as a row."""

from __future__ import annotations

import time

from staddle.logs.logsql.syslog import parse

SECOND_NS = 1_000_000_000


def parse_message(text: str, now_ns: int, *, local_time: bool) -> dict[str, str]:
    """The message's fields with `_time` and `_msg`; with `local_time` the time of arrival counts, not that
    in the message.
    """
    local = time.localtime(now_ns // SECOND_NS)
    row = dict(parse(text, now_ns, local.tm_gmtoff * SECOND_NS))
    stamp = row.pop("timestamp", "")
    row["_time"] = str(now_ns) if local_time or not stamp else stamp
    row["_msg"] = row.pop("message", "") or ("" if len(row) > 2 else text)
    return {k: v for k, v in row.items() if v}
