"""What an idle store holds in memory is what it imports: libraries that only its workers use aren't among that."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("program", ["staddle.logs.main", "staddle.traces.main"])
def test_a_server_loads_no_arrow_until_it_is_asked_something(program: str) -> None:
    code = f"import sys, {program}; print(sorted({{'pyarrow', 'duckdb'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['duckdb']"
