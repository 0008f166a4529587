"""Who is told about which alerts: from the inventory to Alertmanager's configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.fleets import fleet_of

from staddle.alerting.matching import parse_labels, parse_matcher
from staddle.alerting.receivers import TYPES, bridge_settings, secret_files
from staddle.alerting.routing import alertmanager_config, who

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.parameters import Parameters

SECRET = "s3cret"
RECEIVERS: Mapping[str, dict[str, Any]] = {
    "webhook": {"url": f"https://example.org/{SECRET}"},
    "email": {
        "to": "dba@example.org",
        "sender": "staddle@example.org",
        "smarthost": "mail.example.org:587",
        "username": "staddle",
        "password": SECRET,
    },
    "slack": {"url": f"https://example.org/{SECRET}", "channel": "#dba"},
    "pagerduty": {"token": SECRET},
    "opsgenie": {"token": SECRET},
    "telegram": {"token": SECRET, "chat_id": -100},
    "msteams": {"url": f"https://example.org/{SECRET}"},
    "dingtalk": {"url": f"https://example.org/?access_token={SECRET}", "secret": SECRET},
    "feishu": {"url": f"https://example.org/{SECRET}", "secret": SECRET},
    "wecom": {"url": f"https://example.org/?key={SECRET}"},
    "ntfy": {"url": "https://example.org/topic", "token": SECRET},
}
OPS = {
    "ops": {"url": "https://example.org/"},
    "dba": {"url": "https://example.org/"},
    "boss": {"url": "https://example.org/"},
}


def params(**given: Any) -> Parameters:
    hosts = {"infra": {"hosts": {"10.0.0.1": {"infra_seq": 1}}}}
    return fleet_of(json.dumps({"all": {"children": hosts, "vars": given}})).infra[0].params


def config(given: Parameters, release: tuple[int, ...] = (0, 28)) -> dict[str, Any]:
    return alertmanager_config(
        given, secrets="/etc/x", bridge="http://127.0.0.1:1", templates="messages.tmpl", release=release
    )


def test_there_is_an_example_of_every_type_of_receiver() -> None:
    assert RECEIVERS.keys() == TYPES.keys()


EVERYTHING: Mapping[str, Any] = {
    "alert_receivers": {name: {"type": name, **fields} for name, fields in RECEIVERS.items()},
    "alert_heartbeat_url": f"https://example.org/{SECRET}",
    "alert_intervals": {
        "nights": {"times": ["00:00-07:00"], "weekdays": ["monday:friday"], "location": "Europe/Berlin"}
    },
    "alert_routes": [
        {"match": {"severity": "CRIT"}, "receivers": ["pagerduty", "email"], "go_on": True},
        {"matchers": ['cls=~"pg-.*"'], "receivers": "slack", "mute": "nights", "group_by": ["ins"]},
        {"match": {"severity": ["INFO", "WARN"]}, "receivers": []},
    ],
}


def test_no_secret_is_in_the_configuration_and_each_is_in_a_file() -> None:
    given = params(**EVERYTHING)
    assert SECRET not in yaml.safe_dump(config(given))
    kept = b"".join(
        content for name, receiver in given.alert_receivers.items() for content in secret_files(name, receiver).values()
    )
    bridged = json.loads(bridge_settings(given.alert_receivers) or b"")
    assert bridged.keys() == {"dingtalk", "feishu", "wecom", "ntfy"}
    assert kept.count(SECRET.encode()) == len(RECEIVERS) - len(bridged)


ROUTES: list[dict[str, Any]] = [
    {"match": {"alertname": "Noise"}, "receivers": []},
    {"match": {"severity": "CRIT"}, "receivers": ["ops"], "go_on": True},
    {"match": {"module": ["pgsql", "redis"]}, "receivers": ["dba"]},
    {"matchers": ['cls=~"shop-.*"', 'severity!="INFO"'], "receivers": ["boss", "ops"]},
]
CASES = [
    ({"alertname": "Noise", "severity": "CRIT"}, []),
    ({"alertname": "X", "severity": "CRIT", "module": "pgsql"}, ["dba", "ops"]),
    ({"alertname": "X", "severity": "WARN", "module": "redis"}, ["dba"]),
    ({"alertname": "X", "severity": "WARN", "cls": "shop-1"}, ["boss", "ops"]),
    # What no route takes goes to everybody, so that nothing is silent by mistake.
    ({"alertname": "X", "severity": "INFO", "cls": "shop-1"}, ["boss", "dba", "ops"]),
    ({"alertname": "X", "severity": "CRIT", "module": "node"}, ["boss", "dba", "ops"]),
    ({"alertname": "Watchdog"}, []),
    ({"alertname": "TestMessage", "staddle_test": "dba"}, ["dba"]),
]


@pytest.mark.parametrize(("labels", "wanted"), CASES)
def test_the_routes_of_an_alert(labels: dict[str, str], wanted: list[str]) -> None:
    assert who(params(alert_receivers=OPS, alert_routes=ROUTES), labels) == wanted


def test_teams_is_told_as_the_deployed_version_knows_it() -> None:
    given = params(alert_receivers={"team": {"type": "msteams", **RECEIVERS["msteams"]}})
    for release, key in (((0, 27, 1), "msteams_configs"), ((0, 28, 1), "msteamsv2_configs")):
        assert key in next(entry for entry in config(given, release)["receivers"] if entry["name"] == "team")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{severity="CRIT", job="pgsql"}', {"severity": "CRIT", "job": "pgsql"}),
        ("severity=CRIT", {"severity": "CRIT"}),
        ('{a="x, \\"y\\""}', {"a": 'x, "y"'}),
        ("{}", {}),
    ],
)
def test_labels_are_read_as_people_write_them(text: str, wanted: dict[str, str]) -> None:
    assert parse_labels(text) == wanted


@pytest.mark.parametrize("text", ["severity", "=x", 'a="', "a==b=c d", 'a=~"("'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|pattern"):
        parse_matcher(text)
