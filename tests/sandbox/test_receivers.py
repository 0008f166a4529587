"""Every kind of receiver: a real Alertmanager, a service on loopback that answers as the real one, one message each way."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from tests.sandbox.sinks import HttpSink, MailSink, Told
from tests.sandbox.stack import Stack, started, wait_for
from tests.unit.alerting.test_routing import CASES, EVERYTHING, OPS, ROUTES, config, params

from staddle.components.alertmanager import ALERTMANAGER, messages
from staddle.programs.provision import provision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staddle.manifest.layout import Program

SIGNING = "signing-key"
TOKEN = "hush-hush"
SUMMARY = "pg-test-1 stopped answering — so it goes"
RUNBOOK = "https://portal.example/runbooks/PostgresDown.html"


@pytest.fixture(scope="module")
def web() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def mail() -> Iterator[MailSink]:
    with MailSink() as sink:
        yield sink


def receivers(web: HttpSink, mail: MailSink) -> dict[str, dict[str, Any]]:
    return {
        "webhook": {"url": f"{web.url}/webhook"},
        "email": {
            "to": "dba@example.org",
            "sender": "staddle@example.org",
            "smarthost": mail.address,
            "require_tls": False,
        },
        "slack": {"url": f"{web.url}/slack", "channel": "#dba"},
        "pagerduty": {"url": f"{web.url}/pagerduty", "token": TOKEN},
        "opsgenie": {"url": f"{web.url}/opsgenie/", "token": TOKEN},
        "telegram": {"url": f"{web.url}/telegram", "token": TOKEN, "chat_id": -100},
        "msteams": {"url": f"{web.url}/msteams"},
        "dingtalk": {"url": f"{web.url}/dingtalk?access_token=x", "secret": SIGNING},
        "feishu": {"url": f"{web.url}/feishu", "secret": SIGNING},
        "wecom": {"url": f"{web.url}/wecom?key=x"},
        "ntfy": {"url": f"{web.url}/ntfy/topic", "token": TOKEN},
    }


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, web: HttpSink, mail: MailSink) -> Iterator[Stack]:
    given = {name: {"type": name, **fields} for name, fields in receivers(web, mail).items()}
    off = {f"{name}_enabled": False for name in ("vlogs", "vector", "dns", "blackbox", "node_exporter")}
    routes = [{"match": {"alertname": "Trial"}, "receivers": sorted(given), "group_wait": "0s", "group_interval": "1s"}]
    # Whatever else happens on this box is nobody's business here.
    routes.append({"receivers": []})
    beat = {"alert_heartbeat_url": f"{web.url}/heartbeat/{TOKEN}"}
    shared = {"alert_receivers": given, "alert_routes": routes, **beat, **off}
    hosts = {"infra": {"hosts": {"127.0.0.1": {"infra_seq": 1, "nodename": "box"}}}}
    yield from started(tmp_path_factory.mktemp("receivers"), json.dumps({"all": {"children": hosts, "vars": shared}}))


@pytest.fixture(scope="module")
def amtool(box: Stack) -> Program:
    directory = box.root / "programs"
    return provision([ALERTMANAGER], directory, directory / "no-cache", lambda _step: None)["amtool"]


def amtool_says(amtool: Program, *arguments: str) -> str:
    done = subprocess.run(
        [amtool.path, *arguments], capture_output=True, text=True, check=False, env=dict(amtool.environment)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_accepts_every_kind_of_receiver_and_route(amtool: Program, tmp_path: Path) -> None:
    (tmp_path / "messages.tmpl").write_bytes(messages())
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config(params(**EVERYTHING))), encoding="utf-8")
    assert "SUCCESS" in amtool_says(amtool, "check-config", str(tmp_path / "alertmanager.yml"))


def test_amtool_sends_each_alert_where_we_say_it_goes(amtool: Program, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    given = params(alert_receivers=OPS, alert_routes=ROUTES)
    file.write_text(yaml.safe_dump({**config(given), "templates": []}), encoding="utf-8")
    for labels, wanted in CASES:
        words = [f"{name}={value}" for name, value in labels.items()]
        said = amtool_says(amtool, "config", "routes", "test", f"--config.file={file}", *words)
        told = {name for part in said.split() for name in part.replace("+", ",").split(",")} - {"portal-only"}
        assert sorted(told) == wanted, labels


def post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def staddle(box: Stack, *arguments: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
    result = box.run("alerts", *arguments)
    assert result.returncode == exits, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def told(box: Stack, web: HttpSink, mail: MailSink) -> None:
    """An alert that fires, and is over after everybody was told."""
    alert = {
        "labels": {"alertname": "Trial", "severity": "CRIT", "cls": "pg-test", "ins": "pg-test-1", "ip": "10.0.0.5"},
        "annotations": {"summary": SUMMARY, "description": "Nobody home.", "runbook_url": RUNBOOK},
        "startsAt": "2026-11-23T03:00:00Z",
    }
    address = f"http://127.0.0.1:{box.port(9059)}/api/v2/alerts"
    services = [name for name in receivers(web, mail) if name != "email"]

    def everybody(times: int) -> bool:
        return len(mail.mails) >= times and all(len(web.by(name)) >= times for name in services)

    post(address, [{**alert, "endsAt": "2036-01-01T00:00:00Z"}])
    wait_for("everybody to be told", lambda: everybody(1), timeout=60)
    post(address, [{**alert, "endsAt": "2026-11-23T03:10:00Z"}])
    wait_for("everybody to be told that it's over", lambda: everybody(2), timeout=60)


def _text(service: str, told: Told) -> str:  # noqa: PLR0911 - one case each
    """The words that a person is shown."""
    data = told.data
    match service:
        case "slack":
            return f"{data['attachments'][0]['title']}\n{data['attachments'][0]['text']}"
        case "pagerduty":
            return str(data.get("payload", {}).get("summary", "") or data)
        case "opsgenie":
            return f"{data.get('message', '')}\n{data.get('description', '')}"
        case "telegram":
            return str(data["text"])
        case "dingtalk":
            return str(data["markdown"]["text"])
        case "wecom":
            return str(data["markdown"]["content"])
        case "ntfy":
            return f"{data['title']}\n{data['message']}"
        case _:
            return json.dumps(data, ensure_ascii=False)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "service",
    ["webhook", "slack", "pagerduty", "opsgenie", "telegram", "msteams", "dingtalk", "feishu", "wecom", "ntfy"],
)
def test_each_service_is_told_once_when_it_fires_and_once_when_it_is_over(web: HttpSink, service: str) -> None:
    fired, over = web.by(service)
    text = _text(service, fired)
    assert SUMMARY in text
    if service not in {"webhook", "pagerduty"}:
        assert "CRIT Trial: " in text
        assert RUNBOOK in text
    if service not in {"webhook", "pagerduty", "opsgenie"}:
        assert "OK Trial: " in _text(service, over)
    assert "<no value>" not in fired.body + over.body
    assert "%!" not in fired.body + over.body


@pytest.mark.usefixtures("told")
def test_mail_is_readable_as_text_and_as_html(mail: MailSink) -> None:
    fired, over = [email.message_from_string(text, policy=email.policy.default) for text in mail.mails]
    assert fired["Subject"] == f"CRIT Trial: {SUMMARY}"
    assert over["Subject"] == f"OK Trial: {SUMMARY}"
    plain, html = fired.get_body(("plain",)), fired.get_body(("html",))
    assert plain
    assert html
    assert f"what to do: {RUNBOOK}" in plain.get_content()
    assert f'<a href="{RUNBOOK}">What to do</a>' in html.get_content()


@pytest.mark.usefixtures("told")
def test_what_services_ask_for_beside_the_text(web: HttpSink) -> None:
    trigger, resolve = (told.data for told in web.by("pagerduty"))
    assert (trigger["event_action"], trigger["payload"]["severity"]) == ("trigger", "critical")
    assert (resolve["event_action"], resolve["dedup_key"]) == ("resolve", trigger["dedup_key"])
    opened, closed = web.by("opsgenie")
    assert opened.headers["Authorization"] == f"GenieKey {TOKEN}"
    assert opened.data["priority"] == "P1"
    assert "/close" in closed.path
    assert [told.data["priority"] for told in web.by("ntfy")] == [5, 2]
    assert web.by("ntfy")[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert web.by("slack")[0].data["attachments"][0]["color"] == "danger"
    assert f"/bot{TOKEN}/sendMessage" in web.by("telegram")[0].path


@pytest.mark.usefixtures("told")
def test_messages_are_signed_as_robots_want_it(web: HttpSink) -> None:
    query = parse_qs(urlsplit(web.by("dingtalk")[0].path).query)
    wanted = hmac.new(SIGNING.encode(), f"{query['timestamp'][0]}\n{SIGNING}".encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"][0]) == wanted
    card = web.by("feishu")[0].data
    wanted = hmac.new(f"{card['timestamp']}\n{SIGNING}".encode(), b"", hashlib.sha256).digest()
    assert base64.b64decode(card["sign"]) == wanted


def test_somebody_outside_hears_the_heartbeat(web: HttpSink, box: Stack) -> None:
    beat = wait_for("a heartbeat", lambda: web.by("heartbeat"), timeout=90)[0]
    assert beat.data["alerts"][0]["labels"]["alertname"] == "Watchdog"
    assert TOKEN not in box.get("/alertmgr/api/v2/status").text


def test_a_test_message_goes_to_one_receiver_only(box: Stack, web: HttpSink) -> None:
    def about(told: Told) -> bool:
        return "TestMessage" in told.body

    staddle(box, "test", "ntfy")
    assert "This is a test of ntfy" in wait_for("the test message", lambda: web.by("ntfy", about))[0].body
    assert not [told for told in web.told if about(told) and not told.path.startswith("/ntfy")]
    refused = staddle(box, "test", "nobody", exits=1)
    assert "knows no receiver nobody" in refused.stderr


def test_what_fires_is_listed_and_can_be_silenced(box: Stack) -> None:
    wait_for("the Watchdog", lambda: "Watchdog" in staddle(box, "ls").stdout)
    said = staddle(box, "silence", "alertname=Watchdog", "--for", "1h", "-m", "known").stderr
    assert "1 firing now" in said
    wait_for("the silence", lambda: "Watchdog" not in staddle(box, "ls").stdout)
    listed = json.loads(staddle(box, "ls", "--all", "--json").stdout)
    (silence,) = listed["silences"]
    assert silence["comment"] == "known"
    assert "Watchdog" in {alert["labels"]["alertname"] for alert in listed["alerts"]}
    staddle(box, "unsilence", silence["id"])
    wait_for("it to be over", lambda: "Watchdog" in staddle(box, "ls").stdout)
    assert "is not a matcher" in staddle(box, "silence", "what", exits=1).stderr
