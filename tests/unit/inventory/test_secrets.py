"""A secret never shows, and one that everybody knows is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from staddle.errors import InventoryError
from staddle.inventory import parse_inventory, report
from staddle.inventory.secrets import is_well_known

CASES = Path(__file__).parent / "cases"
SECRET = "Zx9-never-shown-7Qw"


def shown(text: str) -> str:
    """Everything that any output of Staddle could say about an inventory."""
    try:
        loaded = parse_inventory(text)
    except InventoryError as error:
        problems, rest = error.problems, str(error)
    else:
        problems = loaded.warnings
        rest = repr(loaded) + report.summary(loaded) + json.dumps(report.summary_data(loaded))
        rest += repr([node.params for node in loaded.fleet.nodes]) + repr(loaded.weak_secrets)
    data = json.dumps([report.as_data(problem) for problem in problems])
    return report.render(problems, text) + data + rest + "".join(map(str, problems)) + repr(problems)


@pytest.mark.parametrize(
    "line",
    [
        f"grafana_admin_password: {SECRET}",
        f"grafana_admin_password: [{SECRET}]",
        f"grafana_admin_password: {{ x: {SECRET} }}",
        f'grafana_admin_password: "{SECRET}${{admin_ipp}}"',
        f'grafana_admin_password: "{{{{ {SECRET} }}}}"',
        f"grafana_admin_password: !vault {SECRET}",
        f"grafana_admin_password: !env {SECRET}",
        f"grafana_admin_password: {SECRET} # grafana_admin_passwort",
        f"grafana_admin_password: x\n    grafana_admin_password: {SECRET}",
        f"nginx_users: {{ alice: {SECRET}, alice: {SECRET}, bob: [] }}",
        f"nginx_users: {SECRET}",
        f'nginx_users:\n      alice: "{SECRET}: "unbalanced',
        f"grafana_pgurl: 'postgres://grafana:{SECRET}@db/grafana",
        f"proxy_env: {{ http_proxy: 'http://me:{SECRET}@proxy:1', https_proxy: [] }}",
        f"alert_receivers: {{ ops: {{ url: 'ftp://{SECRET}' }}, dev: {{ url: 1 }} }}",
        f"blackbox_targets: [{{ name: x, module: icmp, target: 'http://me:{SECRET}@host/' }}]",
        f"pg_users: [{{ name: x, password: {SECRET}, password: {SECRET} }}]",
        f"{{ vip_auth_pass: {SECRET}",
        f"portal_url: 'ftp://me:{SECRET}@host'",
    ],
)
def test_a_secret_is_in_no_output(line: str) -> None:
    text = f"all:\n  hosts: {{ 10.0.0.1: }}\n  vars:\n    nginx_port: 0\n    {line}\n"
    assert SECRET not in shown(text)
    assert SECRET not in shown(text.replace("nginx_port: 0", "nginx_port: 80"))


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=8))
def test_no_password_escapes_its_mask(password: str) -> None:
    line = f"    haproxy_admin_password: {json.dumps(password)}"
    text = f"all:\n  hosts: {{ 10.0.0.1: }}\n  vars:\n{line}\n{line}\n"
    with pytest.raises(InventoryError) as caught:
        parse_inventory(text)
    quoted = [
        line[3:] for line in report.render(caught.value.problems, text).splitlines() if line[:3] in {"4 |", "5 |"}
    ]
    assert set(quoted) == {"     haproxy_admin_password: ********"}


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("pigsty", True), ("Pigsty", True), ("admin", True), ("DBUser.DBA", True), ("DBUser.Monitor", True),
        ("DBUser.Viewer", True), ("Patroni.API", True), ("S3User.MinIO", True), ("minioadmin", True), (123456, True),
        ("postgres://dbuser_meta:DBUser.Meta@10.0.0.1:5432/meta", True), ("postgres://me:mine-alone@db/x", False),
        ("DBUser.Meta.and.more", False), ("correct horse battery staple", False), ("", False), (None, False),
        (True, False),
    ],
)  # fmt: skip
def test_well_known_passwords_are_recognised(value: object, known: bool) -> None:
    assert is_well_known(value) is known


def test_weak_secrets_are_data_for_apply_to_refuse() -> None:
    text = """all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
  vars:
    grafana_admin_password: pigsty
    pg_admin_password: DBUser.DBA
    nginx_users: { admin: admin, alice: "of her own" }
"""
    loaded = parse_inventory(text, "x.yml")
    assert [(weak.path, str(weak.position), weak.ours) for weak in loaded.weak_secrets] == [
        ("all.vars.grafana_admin_password", "x.yml:5:29", True),
        ("all.vars.pg_admin_password", "x.yml:6:24", False),
        ("all.vars.nginx_users.admin", "x.yml:7:27", True),
    ]
    assert len(loaded.warnings) == 3
