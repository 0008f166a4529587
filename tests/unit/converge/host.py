"""A host to converge: a directory, and manifests for it in the compile side's own types."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from staddle.converge.agent import converge
from staddle.manifest.canonical import to_data
from staddle.manifest.resources import Block, Directory, File, Manager, Manifest, Service, Symlink, Validator

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from staddle.converge.report import BlockResult, Report, ResourceResult
    from staddle.manifest.resources import OnChange, Resource


class Host:
    """`converge` against a scratch directory. Paths are given relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.base = root / "base"
        self.base.mkdir()

    def at(self, path: str) -> str:
        return str(self.base / path)

    def file(
        self,
        path: str,
        content: str | bytes = "content\n",
        *,
        mode: int = 0o644,
        on_change: OnChange = "none",
        secret: bool = False,
        origin: str | None = None,
        owner: str | None = None,
        initial: bool = False,
    ) -> File:
        data = content.encode() if isinstance(content, str) else content
        return File(
            self.at(path), data, mode, owner, on_change=on_change, secret=secret, origin=origin, initial=initial
        )

    def directory(self, path: str, mode: int = 0o755) -> Directory:
        return Directory(self.at(path), mode)

    def symlink(self, path: str, target: str) -> Symlink:
        return Symlink(self.at(path), target)

    def manifest(self, *blocks: Block) -> dict[str, Any]:
        return to_data(
            Manifest(
                node="10.0.0.1",
                layout="test",
                state=str(self.state),
                log_dir=str(self.root / "log"),
                manager=Manager("supervisor", str(self.root / "supervisor.sock")),
                blocks=blocks,
            )
        )

    def converge(self, *blocks: Block, check: bool = False, only: Collection[str] | None = None) -> Report:
        return converge(self.manifest(*blocks), check=check, only=only)

    def read(self, path: str) -> str:
        return (self.base / path).read_text()

    def tree(self) -> dict[str, Any]:
        """Everything below base: content, link target or None (directory), with modes."""
        found: dict[str, Any] = {}
        for path in sorted(self.base.rglob("*")):
            name = str(path.relative_to(self.base))
            if path.is_symlink():
                found[name] = f"→ {path.readlink()}"
            elif path.is_dir():
                found[name] = (oct(path.stat().st_mode & 0o7777), None)
            else:
                found[name] = (oct(path.stat().st_mode & 0o7777), path.read_text(errors="replace"))
        return found


def block(
    component: str, *resources: Resource, validators: tuple[Validator, ...] = (), service: Service | None = None
) -> Block:
    return Block(component, "test", resources, validators, service)


def python_validator(code: str, *args: str, timeout: float = 10.0) -> Validator:
    """A validator that runs Python code; `sys.argv[1:]` are `args`."""
    return Validator("judge", (sys.executable, "-ISc", code, *args), timeout=timeout)


def result(report: Report, component: str) -> BlockResult:
    return next(found for found in report.blocks if found.component == component)


def resource(report: Report, path: str) -> ResourceResult:
    return next(r for b in report.blocks for r in b.resources if r.path.endswith(f"/{path}"))
