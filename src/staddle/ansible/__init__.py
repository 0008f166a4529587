"""Staddle's fleet engine: the collection `staddle.infra` (below `ansible_collections`), and what its plugins do.

The plugins themselves are thin: `steps.py` has what happens on the ADMIN node, `hosts.py` what is asked of a host.
"""
