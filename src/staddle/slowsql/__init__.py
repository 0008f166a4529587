"""Slow SQL as spans: follows the PostgreSQL logs in the log store, and sends what took time to the trace store."""
