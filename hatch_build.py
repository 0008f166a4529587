"""What a wheel needs beside our sources: the dashboards' JSON, and the console's pages, built from web/ (see web/build.py).

An editable install takes none of it: there `make` builds them. STADDLE_WITHOUT_CONSOLE=1 makes a wheel without the pages.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = "src/staddle/console/assets"
DASHBOARDS = "src/staddle/dashboards/built"


class BuildHook(BuildHookInterface[Any]):
    """Builds what is missing or old, and has the wheel take it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        if self.target_name != "wheel" or version == "editable":
            return
        code = "import sys; sys.path.insert(0, 'src'); from staddle.dashboards import BUILT, build; build.build(BUILT)"
        subprocess.run([sys.executable, "-c", code], cwd=self.root, check=True)
        build_data["artifacts"].append(f"{DASHBOARDS}/**")
        if not os.environ.get("STADDLE_WITHOUT_CONSOLE"):
            builder = _module(Path(self.root) / "web/build.py")
            try:
                builder.build()
            except builder.BuildError as error:
                hint = "STADDLE_WITHOUT_CONSOLE=1 makes a wheel without it"
                raise SystemExit(f"ERROR: the console can't be built: {error}\n{hint}") from None
            build_data["artifacts"].append(f"{ASSETS}/**")


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("staddle_web_build", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
