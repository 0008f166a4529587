"""Placeholders of URLs and package lists that depend on the target: `${distro_codename}`, `$releasever`, …

What depends on the inventory (`${admin_ip}`, `${region}`, …) is resolved when that is loaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.repo.model import Target

_TOKEN = re.compile(r"\$\{(\w+)\}|\$(releasever|basearch)\b")


def tokens(target: Target, pg_version: str) -> dict[str, str]:
    """What the placeholders stand for. `releasever` of RHEL's relatives is the major version."""
    return {
        "distro_codename": target.codename,
        "distro_name": target.family,
        "arch": target.package_arch,
        "os": f"{target.family}{target.release}",
        "releasever": str(target.major) if target.format == "rpm" else target.release,
        "basearch": target.arch,
        "pg_version": pg_version,
    }


def resolve(text: str, values: Mapping[str, str]) -> str:
    """The text with all placeholders replaced. Raises RepoError for one that means nothing."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in values:
            raise RepoError(f"{text!r} has the placeholder ${{{name}}}, which isn't known",
                            hint=f"known are {', '.join(f'${{{name}}}' for name in sorted(values))}")  # fmt: skip
        return values[name]

    return _TOKEN.sub(value, text)
