"""Alerting rules, and who is told when one fires."""
