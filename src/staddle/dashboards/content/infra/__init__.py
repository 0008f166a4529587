"""Dashboards of what INFRA nodes run."""
