"""`python -m staddle.dashboards.build [DIRECTORY]`: from Python to Grafana's JSON, a file per dashboard, in its folder.

The same source gives the same bytes. Files that no dashboard stands for any more are deleted.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from staddle.dashboards import BUILT, FOLDERS, content

if TYPE_CHECKING:
    from staddle.dashboards.kit.board import Board


def boards() -> list[Board]:
    """Every dashboard: modules below `content` have them in `BOARDS`."""
    names = [module.name for module in walk_packages(content.__path__, f"{content.__name__}.")]
    return [board for name in sorted(names) for board in getattr(import_module(name), "BOARDS", ())]


def build(directory: Path) -> list[Path]:
    """Write all of them, and return their paths. Raises ValueError if two have the same uid, or a folder is unknown."""
    files: dict[Path, bytes] = {}
    for board in boards():
        path = directory / board.folder / f"{board.uid}.json"
        if board.folder not in FOLDERS:
            raise ValueError(f"{board.uid}: no folder {board.folder!r}; there are {', '.join(FOLDERS)}")
        if any(other.stem == path.stem for other in files):
            raise ValueError(f"two dashboards have the uid {board.uid!r}")
        data = _tidy(json.loads(json.dumps(board.built(), cls=JSONEncoder)))
        text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)
        files[path] = text.encode() + b"\n"
    for path in directory.glob("*/*.json"):
        if path not in files:
            path.unlink()
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return sorted(files)


def _tidy(value: Any) -> Any:
    """Without what the SDK always writes: Grafana would hide links and annotations in a menu, and a panel isn't repeated."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    noise = {"placement": "inControlsMenu", **({} if value.get("repeat") else {"repeatDirection": "h"})}
    return {name: _tidy(item) for name, item in value.items() if noise.get(name, item) != item or name not in noise}


if __name__ == "__main__":
    written = build(Path(sys.argv[1]) if len(sys.argv) > 1 else BUILT)
    print(f"{len(written)} dashboards")
