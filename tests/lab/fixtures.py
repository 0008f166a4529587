"""The lab for pytest. A folder of tests that wants it: `from tests.lab.fixtures import lab, session_lab` in conftest.

With `STADDLE_LAB=name` the tests of the fleet run on a lab that was made by hand (`python -m tests.lab --lab name up -n 5
--releases trixie,trixie,trixie,bookworm,trixie`), and leave it up.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.lab.fleet import HOSTS, Admin, bring_up
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


@pytest.fixture(scope="session")
def fleet(session_lab: Boot) -> Admin:
    """A fleet brought up from bare, once for all files of tests. Ask for `admin` instead."""
    name = os.environ.get("STADDLE_LAB")
    return bring_up(Lab.attach(name) if name else session_lab(hosts=HOSTS))


@pytest.fixture(scope="module")
def admin(fleet: Admin) -> Admin:
    """The fleet as it was at first, whatever the last file of tests made of it."""
    fleet.settle()
    return fleet
