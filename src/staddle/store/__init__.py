"""The embedded event store: rows go to a write-ahead log, from there to Parquet parts, and are read with
DuckDB.
"""
