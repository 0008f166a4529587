"""Sections: our lines in text files that others write, too, such as /etc/hosts.

    # staddle NAME: begin …
    …
    # staddle NAME: end

For everything else in converge a section is a file whose new content is the old one with these lines replaced. An
initial content is resolved here, too: where there is a file, its new content is the old one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .facts import Obstacle, read

if TYPE_CHECKING:
    from .model import Block, Resource
    from .plan import Facts

_NOTE = "(managed by Staddle: edit the inventory instead)"


def resolve(block: Block, facts: Facts, blobs: dict[str, bytes]) -> Block:
    """The block with its sections as files, and initial contents as those that are there. The contents are added to
    `blobs`. What can't be read is an obstacle to planning.
    """
    if not any(resource.kind == "section" or resource.initial for resource in block.resources):
        return block
    return replace(block, resources=tuple(_resolve(resource, facts, blobs) for resource in block.resources))


def _resolve(resource: Resource, facts: Facts, blobs: dict[str, bytes]) -> Resource:
    if resource.kind != "section" and not resource.initial:
        return resource
    try:
        state = facts.get(resource.path)
        old = read(resource.path) if state.kind == "file" else b""
    except (Obstacle, OSError):
        return replace(resource, kind="file")  # planning meets the same obstacle, and says so
    if resource.initial:
        if state.kind != "file":
            return resource
        sha256 = hashlib.sha256(old).hexdigest()
        blobs[sha256] = old
        facts.put(resource.path, replace(state, sha256=sha256, size=len(old)))  # the program may just have written it
        return replace(resource, sha256=sha256)
    content = put(old, resource.section or "", blobs[resource.content_sha256 or ""])
    sha256 = hashlib.sha256(content).hexdigest()
    blobs[sha256] = content
    if state.kind != "file":
        return replace(resource, kind="file", sha256=sha256)
    # It is not our file: whose it is, and who may read it, is not ours to say.
    return replace(resource, kind="file", sha256=sha256, mode=state.mode, owner=str(state.uid), group=str(state.gid))


def put(text: bytes, name: str, content: bytes) -> bytes:
    """The text with the section replaced, or added at its end."""
    begin = f"# staddle {name}: begin {_NOTE}\n".encode()
    body = content if content.endswith(b"\n") or not content else content + b"\n"
    section = begin + body + f"# staddle {name}: end\n".encode()
    match = _pattern(name).search(text)
    if match:
        return text[: match.start()] + section + text[match.end() :]
    if text and not text.endswith(b"\n"):
        text += b"\n"
    return text + section


def take(text: bytes, name: str) -> bytes | None:
    """The content of the section, None if there is none."""
    match = _pattern(name).search(text)
    return match["body"] if match else None


def cut(text: bytes, name: str) -> bytes:
    """The text without the section."""
    return _pattern(name).sub(b"", text, count=1)


def _pattern(name: str) -> re.Pattern[bytes]:
    word = re.escape(name.encode())
    return re.compile(
        rb"^# staddle " + word + rb": begin\b[^\n]*\n(?P<body>(?s:.*?))^# staddle " + word + rb": end[^\n]*(?:\n|\Z)",
        re.MULTILINE,
    )
