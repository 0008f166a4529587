"""The language's reference semantics: queries run in Python over blocks of columns."""

from staddle.logs.logsql.evaluate.context import Limits
from staddle.logs.logsql.evaluate.needs import filter_fields, needed_fields
from staddle.logs.logsql.evaluate.run import apply_pipes, resolve_filter, run

__all__ = ["Limits", "apply_pipes", "filter_fields", "needed_fields", "resolve_filter", "run"]
