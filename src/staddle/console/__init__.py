"""The web console's server: its pages (built from web/), dashboards as JSON, and SQL of stored dashboards."""
