"""What Ansible knows while one of our plugins runs: its variables, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a host. `template` resolves what is still a template."""

    raw: Mapping[str, Any]
    template: Callable[[Any], Any]

    def text(self, name: str) -> str | None:
        """None if it isn't set, or is empty."""
        value = self.template(self.raw.get(name))
        return str(value) if value else None

    def required(self, name: str) -> str:
        """Raises FleetError if it isn't set."""
        value = self.text(name)
        if value is None:
            raise FleetError(f"{name} is not set: the playbooks of staddle.infra begin with a step that sets it")
        return value

    @property
    def inventory(self) -> Path:
        """The file that the host was read from. Raises FleetError."""
        name = self.text("staddle_inventory") or self.text("inventory_file")
        if name is None:
            raise FleetError("this host is in no inventory file: give one with -i")
        return Path(name)

    @property
    def tags(self) -> list[str]:
        """What `--tags` named; nothing stands for everything."""
        return [str(tag) for tag in self.raw.get("ansible_run_tags") or () if tag != "all"]

    @property
    def skipped(self) -> list[str]:
        """What `--skip-tags` named."""
        return [str(tag) for tag in self.raw.get("ansible_skip_tags") or ()]
