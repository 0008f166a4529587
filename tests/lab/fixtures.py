"""The lab for pytest. A folder of tests that wants it: `from tests.lab.fixtures import lab, session_lab` in conftest."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.lab.lab import Lab
from tests.lab.spec import HostSpec, LabUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOOTS: list[str] = []
"""What booted in this run, and how long it took."""


class Boot(Protocol):
    """`lab(hosts=[HostSpec(…), …])`: a lab that lives as long as the fixture it comes from."""

    def __call__(self, hosts: Sequence[HostSpec]) -> Lab: ...


@contextmanager
def _labs() -> Iterator[Boot]:
    with ExitStack() as running:

        def boot(hosts: Sequence[HostSpec]) -> Lab:
            try:
                lab = Lab.up(hosts)
            except LabUnavailableError as error:
                pytest.skip(f"no lab here: {error}")
            running.callback(lab.down)
            releases = ", ".join(f"{host.name} {host.release}" for host in lab.hosts)
            BOOTS.append(f"{lab.name}: {len(lab.hosts)} hosts ready in {lab.boot_seconds:.1f} s ({releases})")
            return lab

        yield boot


@pytest.fixture(scope="module")
def lab() -> Iterator[Boot]:
    """Boots labs that end with the module."""
    with _labs() as boot:
        yield boot


@pytest.fixture(scope="session")
def session_lab() -> Iterator[Boot]:
    """Boots labs that end with the session."""
    with _labs() as boot:
        yield boot
