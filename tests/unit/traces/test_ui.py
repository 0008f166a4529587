"""The trace page's files: what refers to what, and that nothing loads or runs from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from staddle.traces.ui import files

STATIC = Path(files.__file__).parent / "static"


def test_every_reference_is_relative_and_leads_to_a_file() -> None:
    page = files.load()["index.html"].decode()
    urls = re.findall(r'(?:href|src|content)="(static/[^"#]*)', page)
    assert len(urls) > 6
    assert [url for url in urls if url not in files.load()] == []
    for name, content in files.load().items():
        if name.endswith(".js"):
            refs = re.findall(r'^import [^;]*?"([^"]+)";', content.decode(), re.MULTILINE)
            assert [r for r in refs if f"static/{r.removeprefix('./')}" not in files.load()] == [], name


def test_nothing_on_the_page_runs_or_loads_from_elsewhere() -> None:
    page = files.load()["index.html"].decode()
    assert "<style" not in page
    assert " style=" not in page
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"\son\w+=", page) == []
    text = b"\n".join(c for n, c in files.load().items() if n.endswith((".js", ".css", ".html"))).decode()
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= {"www.w3.org"}
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert unsafe not in text


def test_every_script_is_used_and_small() -> None:
    names = {name.removeprefix("static/").split(".")[0] for name in files.load()}
    assert {path.stem for path in (STATIC / "js").glob("*.js")} <= names
    assert [path.name for path in STATIC.rglob("*.*s") if len(path.read_text("utf-8").splitlines()) > 400] == []
