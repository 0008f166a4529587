"""What the engines weigh that are sent to hosts: `python bench/engine_weight.py [PYTHON [ARCHITECTURE]]`."""

from __future__ import annotations

import sys
import zipfile

from staddle.programs.engine import _wheels, engine_tree
from staddle.programs.shelf import cache_directory


def main() -> None:
    python, architecture = [*sys.argv[1:], *("3.13", "amd64")[len(sys.argv) - 1 :]]
    packed = engine_tree(python, architecture, cache_directory(), print)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[architecture]
    whole = 0
    for wheel in _wheels(python, machine, cache_directory(), print):
        with zipfile.ZipFile(wheel) as archive:
            whole += sum(item.file_size for item in archive.infolist())
    print(f"wheels, unpacked      {whole / 1e6:6.0f} MB")
    print(f"tree, unpacked        {packed.unpacked / 1e6:6.0f} MB in {packed.files} files")
    print(f"archive to send       {packed.parcel.size / 1e6:6.0f} MB")


if __name__ == "__main__":
    main()
