"""Staddle: the foundation a PostgreSQL fleet stands on."""

__version__ = "0.1.0"
