"""How components turn data into file contents. Deterministic: same data, same bytes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import yaml

# libyaml's emitter writes the same and is ten times as fast: a big fleet has thousands of target files.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
NOTE = "Managed by Staddle: edit the inventory instead."


def to_yaml(data: Any) -> bytes:
    """YAML in block style, keys in the order given, with the note that the file is managed."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1000)
    return f"# {NOTE}\n{text}".encode()


def template(package: str, name: str, **values: Any) -> bytes:
    """Render `templates/<name>` of a component's package. A value that the template lacks is an error."""
    return (_environment(package).get_template(name).render(note=NOTE, **values).rstrip("\n") + "\n").encode()


@cache
def _environment(package: str) -> jinja2.Environment:
    # Configuration files, not HTML: escaping would corrupt them. Values are validated by the schema.
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (files(package) / "templates" / name).read_text(encoding="utf-8")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
