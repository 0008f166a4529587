"""Names of span fields."""

from __future__ import annotations

RESOURCE_ATTR = "resource_attr:"
SCOPE_ATTR = "scope_attr:"
SPAN_ATTR = "span_attr:"
EVENT = "event:{}:"
LINK = "link:{}:"
NAME = "name"
SERVICE = RESOURCE_ATTR + "service.name"
# Columns that are no fields (see store.names): a span's duration in ns.
DURATION = "^0duration"
SPANS = "staddle.traces.codec:CODEC"
"""What the store's workers convert with. The server only names it: it has no use for the libraries that decode."""
# Fields that follow from columns, as SQL.
DERIVED = {
    "end_time_unix_nano": "cast(_time as varchar)",
    "start_time_unix_nano": f'cast(_time - "{DURATION}" as varchar)',
    "duration": f'cast("{DURATION}" as varchar)',
}
