"""Logs: LogsQL, and a server with the VictoriaLogs HTTP API over the event store."""
