"""The trace store: OTLP in, Jaeger's query API and LogsQL out, over the same event store as the logs."""
