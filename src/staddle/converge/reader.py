"""Taking fields out of JSON: what is not as it should be is told with the dotted path to it."""

from __future__ import annotations

import posixpath
from typing import Any


class ManifestError(ValueError):
    """The manifest can't be read: not the documented shape, or of another format version."""


class Reader:
    """Takes fields out of one JSON object; errors carry the dotted path to the field."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, dict):
            raise ManifestError(f"{where or 'manifest'}: expected an object, found {describe(data)}")
        self.data: dict[str, Any] = data
        self.where = where

    def at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def fail(self, key: str, expected: str) -> ManifestError:
        found = describe(self.data[key]) if key in self.data else "nothing"
        return ManifestError(f"{self.at(key)}: expected {expected}, found {found}")

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str) or not value or "\0" in value:
            raise self.fail(key, "a non-empty string")
        return value

    def name(self, key: str) -> str:
        # Names end up in file names, section headers and command lines.
        value = self.text(key)
        if not all(c.isalnum() or c in "-_.@" for c in value) or value[0] in "-.":
            raise self.fail(key, "letters, digits and -_.@")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if self.data.get(key) is None else self.text(key)

    def path(self, key: str) -> str:
        value = self.text(key)
        if not value.startswith("/") or posixpath.normpath(value) != value or value == "/":
            raise self.fail(key, "an absolute, normalized path")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise self.fail(key, f"one of {', '.join(allowed)}")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fail(key, f"an integer from {low} to {high}")
        return value

    def seconds(self, key: str) -> float:
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise self.fail(key, "a positive number of seconds")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def items(self, key: str) -> list[Any]:
        value = self.data.get(key)
        if not isinstance(value, list):
            raise self.fail(key, "a list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.items(key)
        if not all(isinstance(word, str) and word for word in value):
            raise self.fail(key, "a list of strings")
        return tuple(value)

    def object(self, key: str) -> Reader:
        return Reader(self.data.get(key), self.at(key))

    def objects(self, key: str) -> list[Reader]:
        return [Reader(item, f"{self.at(key)}[{i}]") for i, item in enumerate(self.items(key))]

    def optional_objects(self, key: str) -> list[Reader]:
        """Manifests of older programs lack what came later."""
        return self.objects(key) if key in self.data else []


def describe(value: Any) -> str:
    """A value in a message: cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
