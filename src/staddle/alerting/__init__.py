"""Alerting rules, and who is told when one fires."""

WATCHDOG = "Watchdog"
"""The alert that always fires: whoever stops hearing it knows that alerting itself is down."""
