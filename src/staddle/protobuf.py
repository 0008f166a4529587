"""Protocol buffers written field by field, without generated code."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """A number of up to 64 bits; negative ones as their two's complement."""
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def varint_field(number: int, value: int) -> bytes:
    """A field with a number."""
    return varint(number << 3) + varint(value)


def fixed_field(number: int, value: int, size: int = 8) -> bytes:
    """A field with an unsigned number of 8 or 4 bytes."""
    return varint(number << 3 | (1 if size == 8 else 5)) + value.to_bytes(size, "little")


def bytes_field(number: int, content: bytes) -> bytes:
    """A field with text, bytes or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content
