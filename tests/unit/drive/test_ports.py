"""Taken ports are found, with who holds them; our own processes don't count."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from staddle.drive.ports import conflicts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    with socket.socket(socket.AF_INET, request.param) as sock:
        sock.bind(("127.0.0.1", 0))
        if request.param == socket.SOCK_STREAM:
            sock.listen()
        yield int(sock.getsockname()[1])


def test_a_taken_port_names_its_holder(taken: int) -> None:
    [conflict] = conflicts(
        {("dnsmasq", "dns_port"): taken, ("blackbox", "blackbox_port"): 1 if taken == 65_535 else 65_535}, set()
    )
    assert conflict.pid == os.getpid()
    assert str(conflict).startswith(f"port {taken} (dnsmasq, dns_port) is taken by pid {os.getpid()}: ")


def test_a_port_that_we_hold_ourselves_is_no_conflict(taken: int) -> None:
    assert conflicts({("dnsmasq", "dns_port"): taken}, {os.getpid()}) == []
