"""postgres_exporter on database nodes: metrics of PostgreSQL, from the queries of the catalogue."""
