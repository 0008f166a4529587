"""How a parameter is declared: a pydantic field annotated with a `Param`, inside a `Section`.

Modules that declare fields do without `from __future__ import annotations`: pydantic reads the annotations at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["global", "group", "host"]


@dataclass(frozen=True, slots=True)
class Param:
    """What the schema knows about a parameter besides its type and default.

    `level` is the narrowest place where setting it usually makes sense; every parameter may be set at any level.
    `tokens`: tokens that only the target host can fill in (`${arch}`, `$releasever`, …) may stay in the value.
    `foreign`: text in another language (nginx, shell), where `${x}` may belong to that language.
    `adds_up`: what several levels set adds up, key by key; otherwise the closest replaces the others.
    `idle`: setting it has no effect, and why, or what has instead.
    `listens` names the nodes on which this port is bound, provided that all parameters of `when` are on.
    """

    text: str
    level: Level = "global"
    tokens: bool = False
    foreign: bool = False
    adds_up: bool = False
    listens: Literal["infra", "node"] | None = None
    when: tuple[str, ...] = ()
    idle: str = ""


class Record(BaseModel):
    """Base of the structured values: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Section(Record):
    """A group of parameters. `title` heads it in the reference; its docstring introduces it."""

    title: ClassVar[str] = ""


def wiped_by(component: str) -> str:
    """What deletes a component's data, instead of a parameter that would do so again at every run."""
    return f"data is only deleted when you say so: `staddle remove --tags {component} --data`, then `staddle apply`"
