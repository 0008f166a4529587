"""Dashboards of Redis."""
