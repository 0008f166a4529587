"""Which certificate a name shows: the authority's once there is one, and our own CA's until then.

    agent.py choose     link every lineage to the pair to show; nothing else
    agent.py check      status 0 if they are linked so already
    agent.py order      ask the authority for what is missing or due, choose, and have nginx take it
    agent.py due        status 0 if the authority's certificates are all there and none is due

A lineage is one certificate for one or more names. Its directory `<directory>/<name>` has `own/` (fullchain.pem and
privkey.pem of our CA, kept by converge) and the link `current`, which nginx follows: to `own` or to certbot's directory. It
is swapped in one step, so that a certificate never meets another's key.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = "/etc/staddle/acme.json"
LOCK = "/run/lock/staddle-acme"
MARK = ".shown"
"""In a lineage's directory: hash of the certificate that nginx was last told to read."""
DUE_DAYS = 30
"""As certbot's own: it renews what has less than this left."""
_OUTPUT_LIMIT = 2000


@dataclass(frozen=True)
class Lineage:
    """One certificate: its name with certbot, and the host names it is for."""

    name: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """What the inventory says, as the file that converge writes has it."""

    lineages: tuple[Lineage, ...]
    directory: Path
    live: Path
    webroot: Path
    email: str
    options: tuple[str, ...]
    metrics: Path | None

    @classmethod
    def read(cls, path: str) -> Settings:
        data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(
            lineages=tuple(Lineage(name, tuple(names)) for name, names in sorted(data["lineages"].items())),
            directory=Path(data["directory"]),
            live=Path(data["live"]),
            webroot=Path(data["webroot"]),
            email=data["email"],
            options=tuple(data["options"]),
            metrics=Path(data["metrics"]) if data["metrics"] else None,
        )


def certificate(path: Path) -> tuple[set[str], float] | None:
    """The names of a certificate and the time (seconds since the epoch) at which it ends; None if it can't be read."""
    argv = ["openssl", "x509", "-in", str(path), "-noout", "-enddate", "-ext", "subjectAltName"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    ends = re.search(r"^notAfter=(.+ GMT)$", done.stdout, re.MULTILINE)
    if done.returncode or not ends:
        return None
    names = {name.lower() for name in re.findall(r"DNS:([^,\s]+)", done.stdout)}
    return names, _seconds(ends[1])


def _seconds(text: str) -> float:
    """`Feb 21 09:00:00 2027 GMT` as seconds since the epoch."""
    import calendar  # noqa: PLC0415 - with its strptime the dearest import, and most runs don't get here

    return calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y %Z"))


def real(settings: Settings, lineage: Lineage, left: float = 0) -> Path | None:
    """Certbot's directory of the lineage, if what is there is for all its names and has more than `left` seconds left."""
    directory = settings.live / lineage.name
    found = certificate(directory / "fullchain.pem") if (directory / "privkey.pem").exists() else None
    if found is None:
        return None
    names, ends = found
    fits = {domain.lower() for domain in lineage.domains} <= names and ends - time.time() > left
    return directory if fits else None


def wanted(settings: Settings) -> dict[str, str]:
    """What each lineage's link leads to."""
    return {lineage.name: str(real(settings, lineage) or "own") for lineage in settings.lineages}


def linked(settings: Settings) -> dict[str, str]:
    """What the links that there are lead to, those of lineages that are no more included."""
    return {
        link.parent.name: str(link.readlink()) for link in settings.directory.glob("*/current") if link.is_symlink()
    }


def choose(settings: Settings) -> bool:
    """Link every lineage to the pair to show. Tells whether a link is another now."""
    before, after = linked(settings), wanted(settings)
    for name, target in after.items():
        if before.get(name) != target:
            new = settings.directory / name / ".current"
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(settings.directory / name / "current")
    for name in before.keys() - after.keys():
        for left in ("current", MARK):
            (settings.directory / name / left).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: converge has yet to take the rest away
            (settings.directory / name).rmdir()
    return before != after


def order(settings: Settings) -> list[str]:
    """Ask for what is missing or due, show what came, and leave metrics. Gives what went wrong, by lineage."""
    failed = {lineage.name: said for lineage in settings.lineages if (said := _certbot(settings, lineage))}
    choose(settings)
    problem = _tell_nginx(settings)
    if settings.metrics:
        _write(settings.metrics, metrics(settings, failed))
    return [f"{name}: {said}" for name, said in failed.items()] + ([problem] if problem else [])


def _certbot(settings: Settings, lineage: Lineage) -> str | None:
    """None if the certificate is there (it may have been before), else what certbot said."""
    argv = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--email", settings.email]
    argv += ["--webroot", "--webroot-path", str(settings.webroot), "--cert-name", lineage.name]
    # Names that the inventory dropped go from the certificate, too.
    argv += ["--keep-until-expiring", "--renew-with-new-domains"]
    argv += [word for domain in lineage.domains for word in ("--domain", domain)]
    try:
        done = subprocess.run(
            [*argv, *settings.options],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return "certbot is not installed"
    except subprocess.TimeoutExpired:
        return "certbot took longer than ten minutes"
    return None if done.returncode == 0 else _gist(done.stdout + done.stderr)


def _gist(output: str) -> str:
    """What certbot said, without what it always says."""
    noise = (
        "Saving debug log",
        "Ask for help",
        "See the logfile",
        "Account registered",
        "Requesting a certificate",
        "- - -",
    )
    lines = [line.strip() for line in output.splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(noise))[-_OUTPUT_LIMIT:]


def _tell_nginx(settings: Settings) -> str | None:
    """Reload nginx, if it runs and a certificate is another than it last read. What it can't load it doesn't take."""
    if subprocess.run(["systemctl", "--quiet", "is-active", "nginx"], check=False).returncode:
        return None
    shown = {}
    for lineage in settings.lineages:
        directory = settings.directory / lineage.name
        shown[directory / MARK] = hashlib.sha256((directory / "current/fullchain.pem").read_bytes()).hexdigest()
    if all(mark.exists() and mark.read_text(encoding="utf-8") == digest for mark, digest in shown.items()):
        return None
    done = subprocess.run(["systemctl", "reload", "nginx"], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"nginx was not reloaded: {done.stderr.strip()}"
    for mark, digest in shown.items():
        _write(mark, digest)
    return None


def metrics(settings: Settings, failed: dict[str, str]) -> str:
    """For node_exporter, which reads it from a file."""
    lines = ["# HELP staddle_acme_failed Whether the authority refused the last order for this certificate."]
    lines += ["# TYPE staddle_acme_failed gauge"]
    lines += [f'staddle_acme_failed{{certificate="{x.name}"}} {int(x.name in failed)}' for x in settings.lineages]
    lines += ["# HELP staddle_acme_own Whether a certificate of Staddle's CA stands in for the authority's."]
    lines += ["# TYPE staddle_acme_own gauge"]
    own = {name for name, target in linked(settings).items() if target == "own"}
    lines += [f'staddle_acme_own{{certificate="{x.name}"}} {int(x.name in own)}' for x in settings.lineages]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """In one step: somebody may be reading."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
    ) as new:
        new.write(text)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="acme", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("choose", "check", "order", "due"))
    parser.add_argument("--config", default=CONFIG)
    given = parser.parse_args(arguments)
    settings = Settings.read(given.config)
    if given.what == "check":
        return int(linked(settings) != wanted(settings))
    if given.what == "due":
        return int(not all(real(settings, lineage, DUE_DAYS * 86_400) for lineage in settings.lineages))
    # The timer and a run of converge may come at the same time.
    with Path(LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if given.what == "choose":
            choose(settings)
            problem = _tell_nginx(settings)
            problems = [problem] if problem else []
        else:
            problems = order(settings)
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
