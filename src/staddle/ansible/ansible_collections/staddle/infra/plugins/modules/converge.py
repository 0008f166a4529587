"""Documentation of the action of the same name, for `ansible-doc`. The action does the work."""

DOCUMENTATION = r"""
module: converge
short_description: Make a host equal its manifest, or ask it how it is
description:
  - Sends Staddle's converge program and one request to the host, and takes its answer. Needs Python 3.9 there, and root.
  - The playbooks of this collection show the order in which it is used.
options:
  do:
    description: What to ask for.
    choices: [facts, plan, plan_again, apply, finish, drift, status, doctor, rollback, remove]
    required: true
    type: str
  phase:
    description: With C(apply), the phase to converge.
    choices: [repo, node, infra, monitor, module]
    type: str
  generation:
    description: With C(rollback), the generation of the ledger to go back to. Without it, the one before the last apply.
    type: int
  phases:
    description: With C(plan) and C(remove), only components of these phases.
    type: list
    elements: str
  names:
    description: With C(plan), only these components, or what these tags stand for.
    type: list
    elements: str
  data:
    description: With C(remove), also delete the data that our programs kept.
    type: bool
    default: false
author: [Staddle]
"""

EXAMPLES = r"""
- name: Is everything healthy?
  staddle.infra.converge:
    do: status
"""
