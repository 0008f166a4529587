"""LogsQL to DuckDB SQL: filters always (a superset where SQL can't say it), common pipelines wholly."""
