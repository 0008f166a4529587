"""Dashboards of hosts."""
