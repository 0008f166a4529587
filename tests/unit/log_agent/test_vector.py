"""Vector's configuration: its programs are compiled and run by Vector's own language runtime, the rest is held against its
documented options. Vector itself was not run.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from tests.unit.fleets import LAPTOP, TWO_INFRA, contexts
from tests.unit.log_agent.samples import SAMPLES, ZONE, Sample

from staddle.components.log_agent import vector
from staddle.components.log_agent.formats import LEVELS, UNKNOWN
from staddle.components.log_agent.receivers import Receiver, receivers
from staddle.components.log_agent.sources import node_sources
from staddle.components.registration import LogSource

vrl = pytest.importorskip("vrl_python", reason="Vector's language runtime is not installed")

LABELS = {"job": "test", "cls": "demo", "ins": "demo-1", "ip": "10.0.0.1"}


def run(source: LogSource, event: dict[str, Any]) -> dict[str, Any]:
    """The row that the source's program makes of the event, flat as the log store keeps it."""
    result = vrl.VRLRuntime.run(vector.program(source), event, ZONE)
    return dict(_flat(result.processed_event))


def _flat(row: dict[str, Any], prefix: str = "") -> Any:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.format}: {sample.text[:30]}")
def test_a_line_becomes_the_row_it_should(sample: Sample) -> None:
    row = run(
        LogSource("x", sample.format, LABELS, ("/x",)), {"message": sample.text, "timestamp": "ignored", "file": "/x"}
    )
    assert (row["level"], row["message"]) == (sample.level, sample.message)
    assert sample.time is None or row["_time"].startswith(sample.time)
    assert {key: row.get(key) for key in sample.fields} == sample.fields
    assert {key: row[key] for key in LABELS} == LABELS
    assert row.get("file") != "/x"  # what Vector says; a server may name a file of its source


def test_every_word_of_the_vocabulary_means_its_level() -> None:
    source = LogSource("x", "json", LABELS, ("/x",))
    for level, words in LEVELS.items():
        for word in (*words, *(word.upper() for word in words)):
            assert run(source, {"message": json.dumps({"level": word})})["level"] == level
    assert run(source, {"message": '{"level":"loud"}'})["level"] == UNKNOWN


def test_journal_entries_have_unit_program_and_level() -> None:
    event = {
        "message": "Started",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "systemd",
        "_SYSTEMD_UNIT": "vmetrics.service",
        "_PID": "1",
    }
    row = run(LogSource("journal", "plain", LABELS, kind="journald"), event)
    assert (
        row.items()
        >= {"message": "Started", "level": "error", "app": "systemd", "unit": "vmetrics", "pid": "1"}.items()
    )


OPTIONS: dict[str, set[str]] = {
    "file": {"include", "exclude", "read_from", "max_line_bytes", "glob_minimum_cooldown_ms", "multiline"},
    "journald": {"current_boot_only", "since_now"},
    "syslog": {"mode", "path"},
    "internal_metrics": {"scrape_interval_secs"},
    "remap": {"inputs", "source", "drop_on_error"},
    "prometheus_exporter": {"inputs", "address", "tls"},
    "http": {
        "inputs", "uri", "method", "encoding", "framing", "compression", "batch", "healthcheck", "acknowledgements", "buffer",
        "request", "tls",
    },
}  # fmt: skip
"""The options we use of those that Vector's reference (its source's `website/cue/reference`) documents for each type."""


def documents(text: str = LAPTOP, *, kind: Any = "sandbox", **options: Any) -> dict[str, Any]:
    found = contexts(text)
    ctx = found[min(found)]
    ctx = replace(ctx, layout=replace(ctx.layout, kind=kind, root="" if kind == "system" else "/box"))
    settings = {
        "data": "/data/vector",
        "listen": "0.0.0.0:9598",
        "queue_bytes": 2**30,
        "read_from": "beginning",
        "ca": "/etc/pki/ca.crt",
        "identity": ("/etc/pki/node.crt", "/etc/pki/node.key"),
    }
    files = vector.configuration(node_sources(ctx), options.pop("to", receivers(ctx)), **{**settings, **options})
    return {name: yaml.safe_load(content) for name, content in files.items()}


@pytest.mark.parametrize("kind", ["sandbox", "system"])
def test_only_documented_options_are_used_and_every_input_exists(kind: str) -> None:
    parts: dict[str, dict[str, Any]] = {}
    for document in documents(kind=kind, guard={"enabled": True} if kind == "system" else None).values():
        assert document.keys() <= {"data_dir", "sources", "transforms", "sinks"}
        for section in ("sources", "transforms", "sinks"):
            assert not parts.keys() & document.get(section, {}).keys()
            parts |= document.get(section, {})
    for part in parts.values():
        assert part.keys() - {"type"} <= OPTIONS[part["type"]]
    inputs = {name for part in parts.values() for name in part.get("inputs", [])}
    assert inputs - {"*_logs", "*_metrics"} == {name for name, part in parts.items() if f"{name}_logs" in parts}
    assert any(name.endswith("_logs") for name in parts)


def test_each_receiver_has_a_disk_buffer_and_headers_of_its_own() -> None:
    opened = TWO_INFRA.replace("admin_ip: 10.0.0.1", "admin_ip: 10.0.0.1, infra_expose: intranet")
    sinks = documents(opened, kind="system", queue_bytes=1)["vector.yaml"]["sinks"]
    stores = {name: sink for name, sink in sinks.items() if sink["type"] == "http"}
    assert {name: sink["uri"] for name, sink in stores.items()} == {
        "vlogs_infra-1": "http://10.0.0.1:9428/insert/jsonline",
        "vlogs_infra-2": "http://10.0.0.2:9428/insert/jsonline",
    }
    for sink in stores.values():
        assert sink["buffer"] == {"type": "disk", "max_size": vector.SMALLEST_BUFFER, "when_full": "drop_newest"}
        assert sink["acknowledgements"] == {"enabled": True}
        assert sink["compression"] == "gzip"
        assert sink["request"]["headers"]["VL-Stream-Fields"] == "job,ins,ip"
        assert "tls" not in sink


def test_an_infra_node_is_shown_the_nodes_certificate_and_nobody_else_is() -> None:
    to = (Receiver("infra-1", "https://10.0.0.1:443/x", identified=True), Receiver("url-1", "https://logs.example/x"))
    sinks = documents(to=to)["vector.yaml"]["sinks"]
    own = {"ca_file": "/etc/pki/ca.crt", "crt_file": "/etc/pki/node.crt", "key_file": "/etc/pki/node.key"}
    assert sinks["vlogs_infra-1"]["tls"] == own
    assert sinks["vlogs_url-1"]["tls"] == {"ca_file": "/etc/pki/ca.crt"}


def test_its_metrics_are_guarded_and_there_for_the_host_itself() -> None:
    sinks = documents(guard={"enabled": True}, listen="10.0.0.3:9598")["vector.yaml"]["sinks"]
    assert sinks["prometheus"]["address"] == "10.0.0.3:9598"
    assert sinks["prometheus"]["tls"] == {"enabled": True}
    assert sinks["prometheus_local"]["address"] == "127.0.0.1:9598"


def test_https_receivers_are_verified_with_our_ca() -> None:
    sinks = documents(to=(Receiver("url-1", "https://logs.example/insert/jsonline"),))["vector.yaml"]["sinks"]
    assert sinks["vlogs_url-1"]["tls"] == {"ca_file": "/etc/pki/ca.crt"}


def test_rotated_files_are_read_on_and_archives_are_not() -> None:
    text = (
        "all: {children: {infra: {hosts: {127.0.0.1: {infra_seq: 1, nodename: box, pg_cluster: pg-test, pg_seq: 1}}}}}"
    )
    found = documents(text, kind="system")
    patroni = found["patroni.yaml"]["sources"]["patroni"]
    assert patroni["include"] == [f"/pg/log/patroni/patroni.log{end}" for end in ("", ".*", "-*")]
    assert "/pg/log/patroni/patroni.log*.gz" in patroni["exclude"]
    assert patroni["multiline"]["mode"] == "halt_before"
    assert found["syslog.yaml"]["sources"]["journal"]["type"] == "journald"
    assert {"postgres.yaml", "patroni.yaml", "pgbouncer.yaml", "pgbackrest.yaml"} <= found.keys()
