"""The trace server: what it serves beyond LogsQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.base import COMMON_PATHS, BaseApp
from staddle.logs.insert.params import common_params
from staddle.logs.ui.serve import Pages
from staddle.traces import jaeger, otlp
from staddle.traces.jaeger import Jaeger
from staddle.traces.ui import files

if TYPE_CHECKING:
    from staddle.logs.flags import Flags
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.metrics import Metrics
    from staddle.logs.select.context import Selector
    from staddle.store.store import Store

OTLP_PATHS = ("/insert/opentelemetry/v1/traces", "/v1/traces")


class App(BaseApp):
    """`staddle-traces`."""

    name = "staddle-traces"
    about = "Traces: OTLP in, Jaeger's query API and LogsQL out."
    paths = frozenset(
        (*COMMON_PATHS, *OTLP_PATHS, *(jaeger.ROOT + name for name in ("services", "traces", "dependencies")))
    )
    insert_paths = frozenset(OTLP_PATHS)
    pages = Pages(files.load)

    def __init__(self, flags: Flags, store: Store, selector: Selector, metrics: Metrics) -> None:
        super().__init__(flags, store, selector, metrics)
        self._jaeger = Jaeger(selector, flags)

    def rows(self, request: Request, answer: Answer, path: str) -> bool:
        """See BaseApp."""
        if path not in OTLP_PATHS:
            return False
        params = otlp.span_params(common_params(request, self.defaults))
        otlp.handle(request, answer, params, self.sink, self.flags["opentelemetry.traces.maxRequestSize"])
        if answer.status >= 400:
            self.metrics.add(f'vl_http_errors_total{{path="{path}"}}')
        return True

    def select(self, request: Request, answer: Answer, path: str) -> bool:
        """See BaseApp."""
        if not path.startswith(jaeger.ROOT):
            return False
        with self.selector.turn():
            return self._jaeger.handle(request, answer, path)
