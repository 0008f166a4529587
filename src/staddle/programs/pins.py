"""`python -m staddle.programs.pins`, in the repository: `engine.txt`, the part of our lock file that the engines run on.

    python -m staddle.programs.pins pyproject.toml requirements/run.txt > src/staddle/programs/engine.txt

It is shipped with the package, so that whoever has installed that can fetch the very same for hosts.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def engine_pins(project: str, locked: str) -> str:
    """Of the lock file's entries those that the extras `logs` and `console` of the project name. None needs another.

    Raises KeyError if one is not there.
    """
    extras = tomllib.loads(project)["project"]["optional-dependencies"]
    wanted = [*extras["logs"], *extras["console"]]
    names = sorted(re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in wanted)
    entries = re.findall(r"^(\S+)(==(?:.*\\\n)+(?:.*--hash.*\n))", locked, re.MULTILINE)
    found = {name: name + rest for name, rest in entries}
    return "# The part of our lock file that the engines run on. `make lock` writes it.\n" + "".join(
        found[name] for name in names
    )


if __name__ == "__main__":
    sys.stdout.write(engine_pins(*(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3])))
