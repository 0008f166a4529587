"""The alert bridge: takes Alertmanager's webhooks, and tells services that Alertmanager doesn't speak to. Shipped as source.

Imports nothing but Python's standard library (3.9 and newer).
"""
