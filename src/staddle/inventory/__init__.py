"""The inventory: a YAML file in Ansible's shape becomes a typed, immutable Fleet, or a list of all its mistakes."""

from __future__ import annotations

from staddle.inventory.fleet import Fleet, Node
from staddle.inventory.load import Loaded, load_inventory, parse_inventory
from staddle.inventory.parameters import Parameters
from staddle.inventory.problems import Position, Problem
from staddle.inventory.secrets import WeakSecret

__all__ = [
    "Fleet",
    "Loaded",
    "Node",
    "Parameters",
    "Position",
    "Problem",
    "WeakSecret",
    "load_inventory",
    "parse_inventory",
]
