"""Runs on the host, before anything is changed there: do these package sources work, and do they have what is needed?

    python3 prove.py SOURCES [-o OPTION …] -- [PACKAGE …]

SOURCES is a directory with nothing but the new definitions. apt gets lists of its own, so that neither what it knows from
elsewhere nor what it knows now has any part in it. Exit status 0: every definition gave its index, signed as it says, and
the packages could be installed from them. Needs Python 3.9, and nothing that isn't in its standard library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main(argv: list[str]) -> int:
    """The command line. Returns the exit status; what is wrong goes to standard output."""
    sources, rest = argv[0], argv[1:]
    options, packages = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    with tempfile.TemporaryDirectory(prefix="staddle-sources-") as home:
        problem = prove(_settings(home, sources) + options, _definitions(sources), packages)
    if problem:
        print(problem)
    return 1 if problem else 0


def _settings(home: str, sources: str) -> list[str]:
    for folder in ("lists/partial", "archives/partial"):
        Path(home, folder).mkdir(parents=True)
    values = {
        "Dir::State::lists": f"{home}/lists",
        "Dir::Cache": home,
        "Dir::Cache::archives": f"{home}/archives",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": sources,
        # What is staged is only root's to read.
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
    }
    return [f"-o{key}={value}" for key, value in values.items()]


def prove(options: list[str], definitions: int, packages: list[str]) -> str | None:
    """None, or what is wrong, in apt's words. There are so many definitions."""
    done = _apt("update", *options)
    said = _complaints(done.stderr)
    if done.returncode != 0:
        return "; ".join(said) or f"apt-get update ended with status {done.returncode}"
    # One definition may have several places that are as good as each other: one of them is enough. What nothing came from
    # is not listed at all.
    listed = _apt("indextargets", *options, "--format", "$(SOURCESENTRY)\t$(FILENAME)", "Identifier: Packages").stdout
    fetched = {entry for entry, file in (line.split("\t") for line in listed.splitlines()) if Path(file).exists()}
    if len(fetched) < definitions or not definitions:
        lacking = f"nothing came from {definitions - len(fetched)} of {definitions} package sources"
        return f"{lacking}: {'; '.join(said) or 'apt did not say why'}"
    if not packages:
        return None
    tried = _apt("install", *options, "--simulate", "--no-install-recommends", "-y", *packages)
    if tried.returncode == 0:
        return None
    # Where packages are, and which version, apt tells on standard output.
    hints = [line.strip() for line in tried.stdout.splitlines() if "Depends:" in line][:5]
    return "not everything that this host needs is in them: " + "; ".join([*_complaints(tried.stderr), *hints])


def _definitions(sources: str) -> int:
    lines = [line for file in Path(sources).glob("*.sources") for line in file.read_text(encoding="utf-8").splitlines()]
    return sum(line.startswith("Types:") for line in lines)


def _complaints(text: str) -> list[str]:
    lines = [line[2:].strip() for line in text.splitlines() if line.startswith(("E:", "W:"))]
    return list(dict.fromkeys(lines))[:6]


def _apt(verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "-q", verb, *words],
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
