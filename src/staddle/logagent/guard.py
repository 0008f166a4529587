"""TLS for the agent's metrics: it shows a certificate, and demands one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN: a certificate among the trusted ones needs no CA. Python has a name for it since 3.10."""


def guard(data: Mapping[str, str]) -> ssl.SSLContext:
    """From the paths `certificate`, `key`, and `clients`: the certificates and CAs of those who may come in.

    Raises OSError if they can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _PARTIAL_CHAIN
    context.load_cert_chain(data["certificate"], data["key"])
    context.load_verify_locations(data["clients"])
    return context
