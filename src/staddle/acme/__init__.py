"""Certificates of a public authority, on the host that shows them: what its timer runs. Shipped as source.

Imports nothing but Python's standard library (3.9 and newer): certbot speaks ACME, openssl reads certificates.
"""
