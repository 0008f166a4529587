"""Inventory `staddle.infra.fleet`: the validated, resolved Fleet as Ansible's hosts and groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from staddle.ansible import steps
from staddle.drive.compilation import loaded
from staddle.errors import StaddleError
from staddle.inventory.schema import is_secret

DOCUMENTATION = r"""
name: fleet
short_description: Staddle's inventory, validated and with placeholders resolved
description:
  - Reads a staddle.yml. Everything that is wrong with it is said at once, and nothing runs then.
  - Hosts are named by their address. Variables beginning with C(ansible_) are taken as they are, parameters with their
    resolved values and defaults; secrets among them are left out.
  - To be enabled with C(ANSIBLE_INVENTORY_ENABLED=staddle.infra.fleet); without that, Ansible's own C(yaml) plugin reads
    the same file, and our playbooks validate it at their beginning.
options: {}
"""


class InventoryModule(BaseInventoryPlugin):
    """Hosts, groups, and variables of a Fleet."""

    NAME = "staddle.infra.fleet"
    # The file is the administrator's own, like the playbooks: lookups in it are meant.
    trusted_by_default = True

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith((".yml", ".yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            fleet = loaded(Path(path)).fleet
        except StaddleError as error:
            raise AnsibleParserError(steps.explain(error)) from error
        inventory.set_variable("all", "staddle_inventory", path)
        parameters: dict[int, dict[str, Any]] = {}
        for node in fleet.nodes:
            inventory.add_host(node.ip)
            for group in node.groups:
                inventory.add_group(group)
                inventory.add_child(group, node.ip)
            if id(node.params) not in parameters:
                plain = node.params.model_dump(mode="json")
                parameters[id(node.params)] = {name: plain[name] for name in plain if not is_secret(name)}
            for name, value in {**parameters[id(node.params)], **node.connection}.items():
                inventory.set_variable(node.ip, name, value)
