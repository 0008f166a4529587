"""xxHash64, which stream ids are made of. In Python: it runs once per stream, not per row."""

from __future__ import annotations

_M = (1 << 64) - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
)


def _rotl(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & _M


def _round(acc: int, lane: int) -> int:
    return _rotl((acc + lane * _P2) & _M, 31) * _P1 & _M


def xxh64(data: bytes) -> int:
    """The 64-bit xxHash of the data, seed 0."""
    at, size = 0, len(data)
    if size >= 32:
        accs = [(_P1 + _P2) & _M, _P2, 0, -_P1 & _M]
        while at + 32 <= size:
            for i in range(4):
                accs[i] = _round(accs[i], int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little"))
            at += 32
        h = sum(_rotl(a, r) for a, r in zip(accs, (1, 7, 12, 18), strict=True)) & _M
        for acc in accs:
            h = ((h ^ _round(0, acc)) * _P1 + _P4) & _M
    else:
        h = _P5
    h = (h + size) & _M
    while at + 8 <= size:
        h = (_rotl(h ^ _round(0, int.from_bytes(data[at : at + 8], "little")), 27) * _P1 + _P4) & _M
        at += 8
    if at + 4 <= size:
        h = (_rotl(h ^ int.from_bytes(data[at : at + 4], "little") * _P1 & _M, 23) * _P2 + _P3) & _M
        at += 4
    for byte in data[at:]:
        h = _rotl(h ^ byte * _P5 & _M, 11) * _P1 & _M
    h = (h ^ h >> 33) * _P2 & _M
    h = (h ^ h >> 29) * _P3 & _M
    return h ^ h >> 32
