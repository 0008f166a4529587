"""Downloads of this machine, through the proxy of the inventory."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def proxied(variables: Mapping[str, str]) -> Iterator[None]:
    """Apt, pip and our own requests go by the environment. What is started otherwise shall not inherit it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
