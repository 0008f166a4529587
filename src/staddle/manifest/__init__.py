"""The desired state of one host, as data."""
