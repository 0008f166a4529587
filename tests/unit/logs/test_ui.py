"""The search page's files: what refers to what, and how they are given out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from staddle.logs.http.body import BytesBody
from staddle.logs.http.messages import Answer, Request
from staddle.logs.ui import files, serve

STATIC = Path(serve.__file__).parent / "static"


def get(path: str, **headers: str) -> tuple[bool, int, dict[str, str], bytes]:
    """Was it answered, and with which status, headers and body."""
    request = Request("GET", path, {k.replace("_", "-"): v for k, v in headers.items()}, BytesBody(b""))
    sent: list[bytes] = []
    answer = Answer(request, sent.append, [], compress=False)
    done = serve.Pages(files.load).serve(request, answer)
    head, _, body = b"".join(sent).partition(b"\r\n\r\n")
    found = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return done, answer.status, found, body


def test_every_reference_is_relative_and_leads_to_a_file() -> None:
    page = files.load()["index.html"].decode()
    urls = re.findall(r'(?:href|src|content)="(static/[^"#]*)', page)
    assert len(urls) > 8
    assert [url for url in urls if url not in files.load()] == []
    patterns = {".js": r'^import [^;]*?"([^"]+)";', ".css": r'url\("([^"]+)"\)'}
    for name, content in files.load().items():
        refs = re.findall(patterns.get(Path(name).suffix, "(?!)"), content.decode("utf-8", "ignore"), re.MULTILINE)
        assert [r for r in refs if f"static/{r.removeprefix('./')}" not in files.load()] == [], name


def test_nothing_on_the_page_runs_or_loads_from_elsewhere() -> None:
    page = files.load()["index.html"].decode()
    assert "<style" not in page
    assert " style=" not in page
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"\son\w+=", page) == []
    text = b"\n".join(c for n, c in files.load().items() if n.endswith((".js", ".css", ".html"))).decode()
    hosts = set(re.findall(r"https?://([\w.-]+)", text))
    assert hosts <= {"www.w3.org"}
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert unsafe not in text


def test_every_script_is_used() -> None:
    names = {name.removeprefix("static/").split(".")[0] for name in files.load()}
    assert {path.stem for path in (STATIC / "js").glob("*.js")} <= names


def test_modules_are_small() -> None:
    long = [path.name for path in STATIC.rglob("*.*s*") if len(path.read_text("utf-8").splitlines()) > 400]
    assert long == []


def test_names_follow_from_the_content() -> None:
    assert files.load.__wrapped__() == files.load()


def test_modules_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "a.js").write_text('import { b } from "./b.js";\n')
    (tmp_path / "js" / "b.js").write_text('import { a } from "./a.js";\n')
    with pytest.raises(ValueError, match=r"a\.js -> b\.js -> a\.js"):
        files._Builder([tmp_path]).module("a.js")


def test_the_page_is_asked_for_again_each_time() -> None:
    done, status, headers, body = get("/select/vmui/")
    assert (done, status) == (True, 200)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert body == files.load()["index.html"]
    again = get("/select/vmui/", if_none_match=headers["ETag"])
    assert again[1] == 304
    assert again[3] == b""


def test_hashed_files_are_kept_for_ever() -> None:
    name = next(n for n in files.load() if n.endswith(".js"))
    _, status, headers, _ = get(f"/select/vmui/{name}")
    assert status == 200
    assert headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "immutable" in headers["Cache-Control"]


def test_the_original_configuration_file_is_there() -> None:
    assert get("/select/vmui/config.json")[3] == b'{"license":{"type":"opensource"}}'


@pytest.mark.parametrize(
    "name", ["nothing", "../app.py", "static/../../app.py", "static/", "static/logs.js", "index.html/"]
)
def test_there_are_no_other_files(name: str) -> None:
    assert get(f"/select/vmui/{name}")[0] is False
