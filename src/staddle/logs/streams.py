"""Stream ids: what `_stream_id` shows for a tenant's stream."""

from __future__ import annotations

from functools import lru_cache

from xxhash import xxh64_intdigest

from staddle.logs.logsql.evaluate.streams import stream_labels

_SUFFIX = b"magic!"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _sized(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return _varint(len(data)) + data


@lru_cache(maxsize=1 << 16)
def stream_id(tenant: int, stream: str) -> str:
    """48 hexadecimal digits: the tenant, then 128 bits of hash of the labels in `stream` (`{a="b"}`)."""
    labels = sorted(stream_labels(stream).items())
    data = _varint(len(labels)) + b"".join(_sized(k) + _sized(v) for k, v in labels)
    return f"{tenant:016x}{xxh64_intdigest(data):016x}{xxh64_intdigest(data + _SUFFIX):016x}"
