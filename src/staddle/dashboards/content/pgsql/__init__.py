"""Dashboards of PostgreSQL."""
