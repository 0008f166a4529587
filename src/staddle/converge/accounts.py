"""Users and groups that must exist. Nothing is ever taken away from one: files may belong to it."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from .report import CHANGED, FAILED, OK, ResourceResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Account, Block

NOWHERE = "/nonexistent"
_TIMEOUT = 60.0


class Accounts:
    """Those of all blocks. `ensure` makes what is missing; `results` and `failures` tell each block how that went."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        merged: dict[tuple[str, str], Account] = {}
        owners: dict[tuple[str, str], list[str]] = {}
        for block in blocks:
            for account in block.accounts:
                key = (account.kind, account.name)
                merged[key] = _merge(merged[key], account) if key in merged else account
                if block.component not in owners.setdefault(key, []):
                    owners[key].append(block.component)
        self.owners = {account: owners[key] for key, account in merged.items()}
        self.results: dict[str, list[ResourceResult]] = {}
        self.failures: dict[str, str] = {}

    @property
    def names(self) -> set[str]:
        """What exists when all is done, or in check mode would: `user NAME`, `group NAME`."""
        found = {f"{account.kind} {account.name}" for account in self.owners}
        # useradd makes a group of the same name for those who are given none.
        return found | {f"group {a.name}" for a in self.owners if a.kind == "user" and a.group is None}

    def ensure(self, *, check: bool) -> None:
        """Groups first. What goes wrong is in `failures`, by component."""
        for account in sorted(self.owners, key=lambda a: (a.kind, a.name)):
            result = ResourceResult(account.kind, account.name)
            argv, result.action, result.note = _needed(account)
            reason = None
            if argv:
                reason = None if check else _run(argv)
                result.outcome = FAILED if reason else CHANGED
            for component in self.owners[account]:
                # One who is told of a change is enough; the others find it there.
                first = component == self.owners[account][0]
                shown = result if first or reason else ResourceResult(account.kind, account.name, OK)
                self.results.setdefault(component, []).append(shown)
                if reason:
                    self.failures[component] = f"{account.kind} {account.name}: {reason}"


def _merge(one: Account, other: Account) -> Account:
    """Several components may want the same user: what either of them says about it, and the groups of both."""
    special = other if one.home in (None, NOWHERE) else one
    groups = tuple(dict.fromkeys((*one.groups, *other.groups)))
    uid = one.uid if other.uid is None else other.uid
    return replace(special, uid=uid, group=one.group or other.group, groups=groups)


def missing(kind: str, name: str) -> bool:
    """There is no such user (or group)."""
    try:
        if kind == "user":
            pwd.getpwnam(name)
        else:
            grp.getgrnam(name)
    except KeyError:
        return True
    return False


def lacking_groups(blocks: Iterable[Block]) -> list[tuple[str, str, list[str]]]:
    """Users that are there, and not in all their groups: (user, a component that needs it, the groups)."""
    found = [
        (account.name, components[0], groups)
        for account, components in Accounts(blocks).owners.items()
        if not missing(account.kind, account.name) and (groups := _lacking_groups(account))
    ]
    return sorted(found)


def _lacking_groups(account: Account) -> list[str]:
    if account.kind != "user":
        return []
    primary = pwd.getpwnam(account.name).pw_gid
    return [g for g in account.groups if missing("group", g) or not _is_in(account.name, primary, g)]


def _needed(account: Account) -> tuple[list[str], str, str | None]:
    """The command to run, if any; the action's name; a note."""
    if missing(account.kind, account.name):
        return (_groupadd(account) if account.kind == "group" else _useradd(account)), "create", None
    if lacking := _lacking_groups(account):
        argv = ["usermod", "--append", "--groups", ",".join(lacking), account.name]
        return argv, "groups", f"joins {', '.join(lacking)}"
    return [], "none", None


def _is_in(user: str, primary: int, group: str) -> bool:
    entry = grp.getgrnam(group)
    return entry.gr_gid == primary or user in entry.gr_mem


def _groupadd(account: Account) -> list[str]:
    return ["groupadd", "--system", account.name]


def _useradd(account: Account) -> list[str]:
    home = account.home or NOWHERE
    argv = ["useradd", "--home-dir", home, "--shell", account.shell or "/usr/sbin/nologin"]
    # Homes are directories of the manifest, where they are needed.
    argv += ["--no-create-home", *(["--system"] if account.system else [])]
    if account.uid is not None:
        argv += ["--uid", str(account.uid)]
    if account.group:
        argv += ["--gid", account.group]
    elif missing("group", account.name):
        argv += ["--user-group"]
    else:
        argv += ["--gid", account.name]
    if account.groups:
        argv += ["--groups", ",".join(account.groups)]
    return [*argv, account.name]


def _run(argv: list[str]) -> str | None:
    """None if it went well, else why not."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(
            argv,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return f"{argv[0]} is not installed"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr or done.stdout).strip() or f"{argv[0]} exited with status {done.returncode}"
