"""The same resources as ordinary Ansible: one task for each, made from compiled manifests.

Nothing is made worse than somebody would write it: modules of ansible-core, the fastest one for each purpose (`copy` of a
file that is ready, not `template`), no facts gathered, the packages of a component in one task, handlers for what a change
needs, and only tasks that concern all hosts of a play in it. Left out, in favour of the roles: validating configurations,
health checks, taking back what failed, and pruning what is no longer wanted, which the manifests ask for, too.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Task = dict[str, Any]
SOURCE = "{{ playbook_dir }}/files/{{ inventory_hostname }}"


def write(folder: Path, manifests: Mapping[str, dict[str, Any]]) -> int:
    """A playbook `site.yml` for these hosts, with its files. Gives the number of tasks of all hosts together."""
    tasks: dict[str, tuple[Task, list[str]]] = {}
    handlers: dict[str, Task] = {}
    for ip, manifest in manifests.items():
        _write_files(folder / "files" / ip, manifest)
        for block in manifest["blocks"]:
            for handler in _handlers(block):
                handlers[handler["name"]] = handler
            for task in _tasks(block):
                tasks.setdefault(json.dumps(task, sort_keys=True), (task, []))[1].append(ip)
    plays: dict[tuple[str, ...], list[Task]] = {}
    for task, hosts in tasks.values():
        plays.setdefault(tuple(dict.fromkeys(hosts)), []).append(task)
    site = [
        {"hosts": list(hosts), "gather_facts": False, "tasks": found, "handlers": list(handlers.values())}
        for hosts, found in sorted(plays.items(), key=lambda item: -len(item[0]))
    ]
    folder.joinpath("site.yml").write_text(json.dumps(site, indent=1), encoding="utf-8")
    return sum(len(hosts) for _, hosts in tasks.values())


def _write_files(folder: Path, manifest: dict[str, Any]) -> None:
    for block in manifest["blocks"]:
        for item in block["resources"]:
            if item["kind"] == "file":
                path = folder / item["path"].lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(manifest["blobs"][item["sha256"]]))
            elif item["kind"] == "section":
                item["content"] = base64.b64decode(manifest["blobs"][item["sha256"]]).decode()


def _tasks(block: dict[str, Any]) -> Iterator[Task]:
    """In the order in which converge does it."""
    component = block["component"]
    if packages := [package["name"] for package in block.get("packages", ())]:
        yield {"name": f"{component}: packages", "ansible.builtin.apt": {"name": packages, "state": "present"}}
    for account in block.get("accounts", ()):
        yield {"name": f"{component}: {account['kind']} {account['name']}", **_account(account)}
    for item in block["resources"]:
        task = {"name": f"{component}: {item['path']}", **_resource(item)}
        if notified := _notified(block, item):
            task["notify"] = notified
        yield task
    for command in block.get("commands", ()):
        if command["check"]:
            yield {
                "name": f"{component}: {command['name']}",
                "ansible.builtin.command": {"argv": list(command["check"])},
                "register": "checked", "changed_when": "checked.rc != 0", "failed_when": False,
                "notify": f"{component}: run {command['name']}",
            }  # fmt: skip
    if block["service"]:
        unit = {"name": block["service"]["name"], "state": "started", "enabled": True}
        yield {"name": f"{component}: service", "ansible.builtin.systemd_service": unit}


def _account(account: dict[str, Any]) -> Task:
    if account["kind"] == "group":
        return {"ansible.builtin.group": {"name": account["name"], "system": True}}
    given = {"name": account["name"], "system": account["system"], "create_home": False}
    if account["groups"]:
        given |= {"groups": list(account["groups"]), "append": True}
    return {"ansible.builtin.user": given}


def _resource(item: dict[str, Any]) -> Task:
    mode = f"{item['mode']:04o}" if item.get("mode") is not None else None
    rights = {"mode": mode, "owner": item.get("owner"), "group": item.get("group")}
    rights = {key: value for key, value in rights.items() if value is not None}
    match item["kind"]:
        case "directory":
            return {"ansible.builtin.file": {"path": item["path"], "state": "directory", **rights}}
        case "symlink":
            link = {"path": item["path"], "src": item["target"], "state": "link", "force": True, "follow": False}
            return {"ansible.builtin.file": link}
        case "section":
            note = "(managed by Staddle: edit the inventory instead)"
            marks = {"marker": "{mark}", "marker_begin": f"# staddle {item['section']}: begin {note}"}
            marks |= {"marker_end": f"# staddle {item['section']}: end"}
            return {
                "ansible.builtin.blockinfile": {"path": item["path"], "block": item["content"], "create": True, **marks}
            }
        case _:
            task: Task = {"ansible.builtin.copy": {"src": f"{SOURCE}{item['path']}", "dest": item["path"], **rights}}
            return {**task, "no_log": True} if item["secret"] else task


def _notified(block: dict[str, Any], item: dict[str, Any]) -> list[str]:
    names = [f"{block['component']}: run {command['name']}" for command in block.get("commands", ())]
    if block["service"] and item.get("on_change") in {"restart", "reload"}:
        names.append(f"{block['component']}: {item['on_change']}")
    return names if item["kind"] in {"file", "section", "symlink"} else []


def _handlers(block: dict[str, Any]) -> Iterator[Task]:
    component = block["component"]
    for command in block.get("commands", ()):
        yield {
            "name": f"{component}: run {command['name']}",
            "ansible.builtin.command": {"argv": list(command["argv"])},
        }
    if block["service"]:
        name = block["service"]["name"]
        for state in ("reload", "restart"):
            unit = {"name": name, "state": f"{state}ed", "daemon_reload": state == "restart"}
            yield {"name": f"{component}: {state}", "ansible.builtin.systemd_service": unit}
