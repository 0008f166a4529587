"""The machine's apt sources, and what can be derived from them: the same mirror's newer suites.

Only the deb822 (`*.sources`) and one-line (`*.list`) formats of sources.list(5) are read; nothing is ever written to the
machine's own configuration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

NEWER_SUITES: dict[str, tuple[str, ...]] = {"bookworm": ("trixie", "sid"), "trixie": ("sid",)}
"""Where to look next when a Debian release's package is too old."""

_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One apt source: where, which suites and components, and the key that signs it."""

    uris: str
    suites: tuple[str, ...]
    components: str
    signed_by: str | None

    def deb822(self) -> str:
        lines = [f"Types: deb\nURIs: {self.uris}\nSuites: {' '.join(self.suites)}\nComponents: {self.components}"]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def machine_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """The sources the machine's administrator set up, disabled ones left out."""
    sources: list[Source] = []
    for path in sorted([etc / "sources.list", *etc.glob("sources.list.d/*")]):
        if path.suffix == ".sources":
            sources += _parse_deb822(path.read_text(encoding="utf-8"))
        elif path.suffix == ".list" and path.is_file():
            sources += _parse_one_line(path.read_text(encoding="utf-8"))
    return sources


def derive(sources: list[Source], codename: str, suite: str) -> list[Source]:
    """The sources of a newer `suite`, from those which serve `codename` itself (not its updates or security)."""
    return [replace(source, suites=(suite,)) for source in sources if codename in source.suites]


def for_release(sources: list[Source], codename: str, release: str) -> list[Source]:
    """The sources that a machine of another `release` of the same distribution would have: the suite, its updates, its
    security fixes. Those of other suites than the machine's own (`codename`) are left out.
    """
    found = []
    for source in sources:
        suites = [suite for suite in source.suites if suite == codename or suite.startswith(f"{codename}-")]
        if suites:
            moved = tuple(release + suite.removeprefix(codename) for suite in suites)
            found.append(replace(source, suites=moved))
    return found


def distribution(os_release: Path = Path("/etc/os-release")) -> str:
    """What the machine runs, e.g. `debian`; empty if it doesn't say."""
    if not os_release.is_file():
        return ""
    match = re.search(r'^ID="?([\w.-]+)"?$', os_release.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""


def release_codename(os_release: Path = Path("/etc/os-release")) -> str | None:
    """The distribution release the machine runs, e.g. `bookworm`."""
    if not os_release.is_file():
        return None
    match = re.search(r'^VERSION_CODENAME="?([\w-]+)"?$', os_release.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else None


def _parse_deb822(text: str) -> list[Source]:
    sources = []
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in {" ", "\t"}:
                fields[key] = f"{fields.get(key, '')}\n{line}"
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in {"no", "false"}
        if enabled and "deb" in fields.get("types", "").split() and {"uris", "suites"} <= fields.keys():
            sources.append(
                Source(
                    fields["uris"],
                    tuple(fields["suites"].split()),
                    fields.get("components", ""),
                    fields.get("signed-by") or None,
                )
            )
    return sources


def _parse_one_line(text: str) -> list[Source]:
    sources = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.partition("#")[0].strip())
        if match:
            options = dict(o.split("=", 1) for o in (match["options"] or "").split() if "=" in o)
            sources.append(
                Source(match["uri"], (match["suite"],), match["components"].strip(), options.get("signed-by"))
            )
    return sources
