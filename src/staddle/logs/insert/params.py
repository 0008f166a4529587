"""What all insert endpoints have in common: tenant, common arguments, and the way into the store."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from staddle.logs.http.errors import HTTPError
from staddle.store.errors import ReadOnlyError
from staddle.store.flatten import encode_row
from staddle.store.rowformat import RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from staddle.logs.http.messages import Request
    from staddle.logs.metrics import Metrics
    from staddle.store.store import Store
    from staddle.store.wal import Buffer

log = logging.getLogger(__name__)

MAX_BATCH_BYTES = 4 << 20
MAX_UINT32 = (1 << 32) - 1


def parse_uint32(text: str) -> int:
    """A tenant's number, errors as clients of the original know them."""
    if re.fullmatch(r"\d+", text, re.ASCII):
        if int(text) <= MAX_UINT32:
            return int(text)
        reason = "value out of range"
    else:
        reason = "invalid syntax"
    raise HTTPError(400, f'cannot parse "{text}" as uint32: strconv.ParseUint: parsing "{text}": {reason}')


def tenant_of(request: Request, default: int = 0) -> int:
    """AccountID << 32 | ProjectID from the headers."""
    account, project = request.headers.get("accountid", ""), request.headers.get("projectid", "")
    if not account and not project:
        return default
    return parse_uint32(account or "0") << 32 | parse_uint32(project or "0")


def parse_tenant(text: str) -> int:
    """`account:project` or `account`."""
    account, _, project = text.partition(":")
    return parse_uint32(account or "0") << 32 | parse_uint32(project or "0")


def _list(request: Request, arg: str, header: str) -> tuple[str, ...]:
    args = request.args()
    text = ",".join(args[arg]) if arg in args else request.headers.get(header, "")
    return tuple(t for t in (item.strip() for item in text.split(",")) if t)


def extra_fields(items: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`k=v` pairs."""
    out = []
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise HTTPError(400, f'invalid extra_field format: "{item}"; must be in the form "field=value"')
        out.append((key, value))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Server-wide settings of rows."""

    default_msg: str
    max_line: int
    max_fields: int


@dataclass(frozen=True, slots=True)
class InsertParams:
    """Common arguments of one request."""

    tenant: int
    row_format: RowFormat
    debug: bool = False

    def with_streams(self, fields: Sequence[str]) -> InsertParams:
        """Default stream fields, which those of the request replace."""
        if self.row_format.stream_fields:
            return self
        return replace(self, row_format=replace(self.row_format, stream_fields=tuple(fields)))

    def with_ignored(self, fields: Sequence[str]) -> InsertParams:
        """Default fields to drop, which those of the request replace."""
        if self.row_format.ignore_fields:
            return self
        return replace(self, row_format=replace(self.row_format, ignore_fields=tuple(fields)))

    def normalized(self, **changes: object) -> InsertParams:
        """The same for rows that have `_time` and `_msg` already."""
        row_format = replace(self.row_format, time_fields=("_time",), **changes)  # type: ignore[arg-type]
        return replace(self, row_format=row_format)


def common_params(request: Request, defaults: Defaults, tenant: int = 0) -> InsertParams:
    """The common arguments of a request. Raises HTTPError 400."""
    debug = request.arg("debug") or request.headers.get("vl-debug", "")
    row_format = RowFormat(
        time_fields=_list(request, "_time_field", "vl-time-field") or ("_time",),
        msg_fields=_list(request, "_msg_field", "vl-msg-field"),
        stream_fields=_list(request, "_stream_fields", "vl-stream-fields"),
        ignore_fields=_list(request, "ignore_fields", "vl-ignore-fields"),
        decolorize_fields=_list(request, "decolorize_fields", "vl-decolorize-fields"),
        extra_fields=extra_fields(_list(request, "extra_fields", "vl-extra-fields")),
        default_msg=defaults.default_msg,
        max_line=defaults.max_line,
        max_fields=defaults.max_fields,
    )
    return InsertParams(tenant_of(request, tenant), row_format, debug.lower() in {"1", "t", "true", "y", "yes", "on"})


class Sink:
    """Appends to the store and counts."""

    def __init__(self, store: Store, metrics: Metrics, *, log_rows: bool = False) -> None:
        self.store = store
        self._metrics = metrics
        self._log_rows = log_rows

    def lines(self, kind: str, params: InsertParams, payload: Buffer, rows: int) -> None:
        """Store JSON lines, each of which ends in a newline. Raises HTTPError 429 when the store is
        read-only.
        """
        self._metrics.add(f'vl_bytes_ingested_total{{type="{kind}"}}', len(payload))
        self._metrics.add(f'vl_rows_ingested_total{{type="{kind}"}}', rows)
        if params.debug or self._log_rows:
            log.info("rows of tenant %d: %s", params.tenant, bytes(payload[:65536]).decode("utf-8", "replace"))
        if params.debug:
            self._metrics.add('vl_rows_dropped_total{reason="debug"}', rows)
            return
        try:
            self.store.append(params.tenant, params.row_format, payload)
        except ReadOnlyError as error:
            raise HTTPError(429, f"cannot store rows: {error}") from error

    def rows(self, kind: str, params: InsertParams, rows: Iterable[dict[str, str]]) -> int:
        """Store rows made by a protocol's parser (flat, strings); how many there were."""
        batch: list[bytes] = []
        size = total = 0
        for row in rows:
            line = encode_row(row)
            batch.append(line)
            size += len(line) + 1
            total += 1
            if size >= MAX_BATCH_BYTES:
                self.lines(kind, params, b"\n".join(batch) + b"\n", len(batch))
                batch, size = [], 0
        if batch:
            self.lines(kind, params, b"\n".join(batch) + b"\n", len(batch))
        return total
