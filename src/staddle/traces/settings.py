"""The flags of `staddle-traces`: those of the original by name, and a few of our own."""

from __future__ import annotations

from staddle.logs.flags import Flag, parse_bool, parse_seconds, parse_size
from staddle.logs.settings import UNUSED, common_flags

USAGE = """staddle-traces stores spans and answers Jaeger's and LogsQL queries over HTTP, with the VictoriaTraces protocol.

    staddle-traces -storageDataPath=DIR [-httpListenAddr=[HOST]:PORT] [flags]

Flags:"""

FLAGS: list[Flag] = [
    *common_flags("victoria-traces-data", ":10428"),
    Flag("opentelemetry.traces.maxRequestSize", "64MiB", "limit of an OTLP request", parse_size),
    Flag("otlpGRPCListenAddr", "", "address to receive OTLP over gRPC on, such as :4317; needs the extra `grpc`"),
    Flag("otlpGRPC.tls", "false", "OTLP over gRPC with the certificate of -tlsCertFile", parse_bool),
    Flag("search.traceMaxServiceNameList", "1000", "services listed at most", int),
    Flag("search.traceMaxSpanNameList", "1000", "operations of a service listed at most", int),
    Flag(
        "search.traceServiceAndSpanNameLookbehind",
        "7d",
        "services and operations that were not seen for so long are not listed",
        parse_seconds,
    ),
    Flag("search.traceMaxDurationWindow", "10m", UNUSED, parse_seconds),
    Flag("search.traceSearchStep", "24h", UNUSED, parse_seconds),
    Flag(
        "servicegraph.enableTask",
        "false",
        "answer /select/jaeger/api/dependencies (from the spans, when asked)",
        parse_bool,
    ),
    Flag("servicegraph.taskInterval", "1m", UNUSED, parse_seconds),
    Flag("servicegraph.taskLookbehind", "1m", UNUSED, parse_seconds),
    Flag("servicegraph.taskTimeout", "30s", UNUSED, parse_seconds),
    Flag("servicegraph.taskLimit", "1000", UNUSED, int),
    Flag("spanmetrics.maxOperations", "500", "operations with metrics of their own (own flag)", int),
]
