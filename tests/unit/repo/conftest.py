"""Keys are made once: that takes a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.repo.upstreams import AptUpstream, Gpg, Server, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    """The key that upstreams sign with."""
    yield from _gpg(tmp_path_factory, "vendor")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    """Somebody else's."""
    yield from _gpg(tmp_path_factory, "stranger")


def _gpg(factory: pytest.TempPathFactory, name: str) -> Iterator[Gpg]:
    gpg = Gpg(factory.mktemp("gpg") / name)
    yield gpg
    gpg.stop()


@pytest.fixture
def archive(tmp_path: Path, vendor: Gpg) -> AptUpstream:
    return AptUpstream(tmp_path / "archive", vendor)


@pytest.fixture
def server(archive: AptUpstream) -> Iterator[Server]:
    archive.root.mkdir(exist_ok=True)
    with serve(archive.root) as running:
        yield running
