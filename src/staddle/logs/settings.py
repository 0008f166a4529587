"""The flags of `staddle-logs` and those that every store has: those of the originals by name, a few of our own."""

from __future__ import annotations

from staddle.logs.flags import Flag, parse_bool, parse_percent, parse_retention, parse_seconds, parse_size

DEFAULT_MSG = "missing _msg field; see https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field"
UNUSED = "accepted for compatibility; has no effect here"

USAGE = """staddle-logs stores logs and answers LogsQL queries over HTTP, with the VictoriaLogs protocol.

    staddle-logs -storageDataPath=DIR [-httpListenAddr=[HOST]:PORT] [flags]

Flags:"""


def _syslog_flags() -> list[Flag]:
    out = []
    for net in ("tcp", "udp"):
        out += [
            Flag(f"syslog.listenAddr.{net}", "", f"address to receive syslog over {net.upper()} on", many=True),
            Flag(f"syslog.tenantID.{net}", "", "tenant ACCOUNT:PROJECT of the rows, per listener", many=True),
            Flag(f"syslog.compressMethod.{net}", "", "none, gzip, deflate or zstd, per listener", many=True),
            Flag(f"syslog.useLocalTimestamp.{net}", "", "the time of arrival counts, per listener", many=True),
            Flag(f"syslog.streamFields.{net}", "", "JSON list of stream fields, per listener", many=True),
            Flag(f"syslog.ignoreFields.{net}", "", "JSON list of fields to drop, per listener", many=True),
            Flag(
                f"syslog.decolorizeFields.{net}",
                "",
                "JSON list of fields to strip colours from, per listener",
                many=True,
            ),
            Flag(f"syslog.extraFields.{net}", "", "JSON object of fields to add, per listener", many=True),
        ]
    return [*out, Flag("syslog.timezone", "Local", "time zone of times without one (RFC 3164)")]


def common_flags(folder: str, address: str) -> list[Flag]:
    """The flags of every store; `folder` and `address` are defaults."""
    return [
        Flag("storageDataPath", folder, "folder of the data"),
        Flag("httpListenAddr", address, "address to listen on", many=True),
        Flag("http.pathPrefix", "", "prefix that every path must have"),
        Flag("http.disableCORS", "false", "no Access-Control-Allow-Origin", parse_bool),
        Flag("http.disableResponseCompression", "false", "never gzip answers", parse_bool),
        Flag(
            "http.maxGracefulShutdownDuration",
            "7s",
            "time for requests under way when shutting down",
            parse_seconds,
        ),
        Flag("http.idleConnTimeout", "1m", "idle connections are closed after this", parse_seconds),
        Flag("http.maxConnections", "1000", "connections at a time (own flag)", int),
        Flag("http.header.csp", "", "Content-Security-Policy of answers"),
        Flag("http.header.frameOptions", "", "X-Frame-Options of answers"),
        Flag("http.header.hsts", "", "Strict-Transport-Security of answers"),
        Flag("httpAuth.username", "", "basic auth user"),
        Flag("httpAuth.password", "", "basic auth password, or file:///PATH", secret=True),
        Flag("tls", "false", "serve HTTPS", parse_bool),
        Flag("tlsCertFile", "", "certificate chain (PEM)"),
        Flag("tlsKeyFile", "", "private key (PEM)"),
        Flag("tlsMinVersion", "TLS12", "TLS12 or TLS13"),
        Flag("metricsAuthKey", "", "authKey that /metrics asks for", secret=True),
        Flag("flagsAuthKey", "", "authKey that /flags asks for", secret=True),
        Flag("forceMergeAuthKey", "", "authKey that /internal/force_merge asks for", secret=True),
        Flag("forceFlushAuthKey", "", "authKey that /internal/force_flush asks for", secret=True),
        Flag("pprofAuthKey", "", UNUSED, secret=True),
        Flag(
            "retentionPeriod",
            "7d",
            "rows older than this go (s, h, d, w, y; bare number: months)",
            parse_retention,
        ),
        Flag("futureRetention", "2d", "rows further in the future than this are dropped", parse_retention),
        Flag(
            "retention.maxDiskSpaceUsageBytes",
            "0",
            "oldest parts go when parts take more; 0 is no limit",
            parse_size,
        ),
        Flag("storage.minFreeDiskSpaceBytes", "10MB", "read-only below this", parse_size),
        Flag(
            "inmemoryDataFlushInterval",
            "5s",
            "rows are converted to parts after this at the latest",
            parse_seconds,
        ),
        Flag(
            "storage.fsyncInterval",
            "1s",
            "how often the log is synced to disk; 0: before every answer (own flag)",
            parse_seconds,
        ),
        Flag("memory.allowedPercent", "25", "share of the machine's memory to use", parse_percent),
        Flag("memory.allowedBytes", "0", "the same in bytes, if not 0", parse_size),
        Flag("defaultMsgValue", DEFAULT_MSG, "_msg of rows without one; empty: none"),
        Flag("insert.maxLineSizeBytes", "256KiB", "longer lines are dropped", parse_size),
        Flag("insert.maxFieldsPerLine", "1000", "rows with more fields are dropped", int),
        Flag("insert.maxQueueDuration", "1m", "how long inserts wait for -maxConcurrentInserts", parse_seconds),
        Flag("insert.disable", "false", "refuse /insert/*", parse_bool),
        Flag("internalinsert.disable", "false", UNUSED, parse_bool),
        Flag("maxConcurrentInserts", "32", "inserts that are read at a time", int),
        Flag("select.disable", "false", "refuse /select/*", parse_bool),
        Flag("internalselect.disable", "false", UNUSED, parse_bool),
        Flag("search.maxQueryDuration", "30s", "longer queries are ended", parse_seconds),
        Flag("search.maxConcurrentRequests", "8", "queries that run at a time", int),
        Flag("search.maxQueueDuration", "10s", "how long queries wait for their turn", parse_seconds),
        Flag("search.maxQueryTimeRange", "0", "queries over more are refused; 0 is no limit", parse_seconds),
        Flag("logNewStreams", "false", "log every new stream", parse_bool),
        Flag("logIngestedRows", "false", "log every row (debugging)", parse_bool),
        Flag("loggerLevel", "INFO", "INFO, WARN, ERROR, FATAL or PANIC"),
        Flag("loggerFormat", "default", UNUSED),
        Flag("loggerOutput", "stderr", "stderr or stdout"),
        Flag("loggerTimezone", "UTC", UNUSED),
        Flag("envflag.enable", "false", "read flags from the environment too (dots become underscores)", parse_bool),
        Flag("envflag.prefix", "", "prefix of those variables"),
        Flag("pushmetrics.url", "", UNUSED, many=True),
        Flag("enableTCP6", "false", "listen on IPv6 too", parse_bool),
        Flag("version", "false", "print the version and exit", parse_bool),
        Flag("help", "false", "print this and exit", parse_bool),
        Flag("h", "false", "print this and exit", parse_bool),
    ]


FLAGS: list[Flag] = [
    *common_flags("victoria-logs-data", ":9428"),
    Flag("elasticsearch.version", "8.9.0", "version that the Elasticsearch endpoint reports"),
    Flag("loki.disableMessageParsing", "false", "keep JSON log lines of Loki clients as text", parse_bool),
    Flag("loki.maxRequestSize", "64MiB", "limit of a Loki request", parse_size),
    Flag("opentelemetry.maxRequestSize", "64MiB", "limit of an OTLP request", parse_size),
    Flag("datadog.maxRequestSize", "64MiB", "limit of a Datadog request", parse_size),
    Flag("datadog.streamFields", "", "stream fields of Datadog rows", many=True),
    Flag("datadog.ignoreFields", "", "fields of Datadog rows to drop", many=True),
    Flag("journald.maxRequestSize", "64MiB", "limit of a journald request", parse_size),
    Flag(
        "journald.streamFields",
        "_MACHINE_ID,_HOSTNAME,_SYSTEMD_UNIT",
        "stream fields of journald rows",
        many=True,
    ),
    Flag("journald.ignoreFields", "", "fields of journald rows to drop", many=True),
    Flag("journald.timeField", "__REALTIME_TIMESTAMP", "field with the time of journald rows"),
    Flag("journald.tenantID", "0:0", "tenant of journald rows without tenant headers"),
    Flag("journald.includeEntryMetadata", "false", "keep fields that begin with __", parse_bool),
    *_syslog_flags(),
]
