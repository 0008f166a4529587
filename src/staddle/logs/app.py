"""The log server: what it serves beyond LogsQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.base import COMMON_PATHS, BaseApp
from staddle.logs.http.messages import TEXT
from staddle.logs.insert import datadog, elastic, journald, jsonline, loki, otlp
from staddle.logs.insert.params import common_params, parse_tenant
from staddle.logs.ui import files
from staddle.logs.ui.serve import Pages

if TYPE_CHECKING:
    from staddle.logs.http.messages import Answer, Request


class App(BaseApp):
    """`staddle-logs`."""

    name = "staddle-logs"
    about = "Logs by LogsQL over HTTP."
    pages = Pages(files.load)
    paths = frozenset(
        (
            *COMMON_PATHS,
            "/insert/jsonline",
            "/insert/elasticsearch/_bulk",
            "/insert/loki/api/v1/push",
            "/insert/opentelemetry/v1/logs",
            "/insert/datadog/api/v2/logs",
            "/insert/journald/upload",
        )
    )

    def ready(self, answer: Answer, path: str) -> bool:
        """See BaseApp."""
        if path == "/insert/loki/ready":
            answer.send(200, b"ready", TEXT)
            return True
        if path.startswith("/insert/datadog/") and path.endswith("/validate"):
            answer.send(200, b"{}", TEXT)
            return True
        return super().ready(answer, path)

    def rows(self, request: Request, answer: Answer, path: str) -> bool:
        """See BaseApp."""
        flags, sink = self.flags, self.sink
        if path == "/insert/jsonline":
            jsonline.handle(request, answer, common_params(request, self.defaults), sink)
        elif path == "/insert/elasticsearch" or path.startswith("/insert/elasticsearch/"):
            rest = path.removeprefix("/insert/elasticsearch")
            params = common_params(request, self.defaults)
            return elastic.handle(request, answer, rest, params, sink, flags["elasticsearch.version"])
        elif path == "/insert/loki/api/v1/push":
            params = common_params(request, self.defaults, loki.default_tenant(request))
            parse = not flags["loki.disableMessageParsing"]
            loki.handle(request, answer, params, sink, flags["loki.maxRequestSize"], parse_messages=parse)
        elif path in {"/insert/opentelemetry/v1/logs", "/insert/opentelemetry/api/v1/push"}:
            otlp.handle(
                request,
                answer,
                common_params(request, self.defaults),
                sink,
                flags["opentelemetry.maxRequestSize"],
            )
        elif path == "/insert/datadog/api/v2/logs":
            defaults = (flags["datadog.streamFields"], flags["datadog.ignoreFields"])
            datadog.handle(
                request,
                answer,
                common_params(request, self.defaults),
                sink,
                flags["datadog.maxRequestSize"],
                defaults,
            )
        elif path == "/insert/journald/upload":
            params = common_params(request, self.defaults, parse_tenant(flags["journald.tenantID"]))
            params = params.with_streams(flags["journald.streamFields"]).with_ignored(flags["journald.ignoreFields"])
            journald.handle(
                request,
                answer,
                params,
                sink,
                flags["journald.maxRequestSize"],
                flags["journald.timeField"],
                metadata=flags["journald.includeEntryMetadata"],
            )
        else:
            return False
        return True
