"""What the log agent puts on a node."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fleets import LAPTOP, TWO_INFRA, contexts

from staddle.compile import running_on
from staddle.components.log_agent import LogAgent
from staddle.components.log_agent.receivers import receivers
from staddle.components.log_agent.sources import node_sources
from staddle.errors import CompileError
from staddle.manifest.resources import File

if TYPE_CHECKING:
    from staddle.components.base import Context, Draft


def on(text: str = LAPTOP, ip: str = "127.0.0.1", *, without: tuple[str, ...] = (), **layout: Any) -> Context:
    """The context of a node, on whose host these programs are missing."""
    ctx = contexts(text)[ip]
    programs = {name: program for name, program in ctx.layout.programs.items() if name not in without}
    return replace(ctx, layout=replace(ctx.layout, programs=programs, **layout))


def files(draft: Draft) -> dict[str, str]:
    return {r.path: r.content.decode() for r in draft.resources if isinstance(r, File)}


def with_vars(variables: str) -> str:
    return f"all: {{children: {{infra: {{hosts: {{127.0.0.1: {{infra_seq: 1, nodename: box}}}}}}}}, vars: {{{variables}}}}}"


@pytest.mark.parametrize(
    ("provider", "without", "chosen"),
    [
        ("auto", (), "vector"),
        ("auto", ("vector",), "syslog-ng"),
        ("vector", ("syslog-ng",), "vector"),
        ("syslog-ng", (), "syslog-ng"),
    ],
)
def test_vector_is_taken_where_there_is_one_unless_the_inventory_says_otherwise(
    provider: str, without: tuple[str, ...], chosen: str
) -> None:
    ctx = on(with_vars(f"log_agent_provider: {provider}"), without=without)
    draft = LogAgent().build(ctx)
    assert LogAgent().program_on(ctx).path.endswith(chosen)
    assert any(path.endswith("vector.yaml") for path in files(draft)) is (chosen == "vector")
    assert any(path.endswith("syslog-ng.conf") for path in files(draft)) is (chosen == "syslog-ng")
    [validator] = draft.validators
    assert validator.argv[0].endswith(chosen)


def test_an_explicit_provider_needs_no_other_packages() -> None:
    names = {
        provider: {p.name for p in LogAgent().packages_on(on(with_vars(f"log_agent_provider: {provider}")).node)}
        for provider in ("vector", "syslog-ng")
    }
    assert names == {"vector": {"vector"}, "syslog-ng": {"syslog-ng-core", "syslog-ng-mod-http"}}


def test_logs_go_to_every_infra_node_that_stores_them_and_to_urls() -> None:
    through = [(f"https://10.0.0.{n}:443/vlogs/insert/jsonline", True) for n in (1, 2)]
    worker = on(TWO_INFRA, "10.0.0.3", kind="system", root="")
    assert [(r.url, r.identified) for r in receivers(worker)] == through
    # Its own without a detour.
    own = on(TWO_INFRA, "10.0.0.2", kind="system", root="")
    assert [(r.url, r.identified) for r in receivers(own)] == [
        through[0],
        ("http://127.0.0.1:9428/insert/jsonline", False),
    ]
    opened = TWO_INFRA.replace("admin_ip: 10.0.0.1", "admin_ip: 10.0.0.1, infra_expose: intranet")
    for node in ("10.0.0.2", "10.0.0.3"):
        found = receivers(on(opened, node, kind="system", root=""))
        assert [(r.url, r.identified) for r in found] == [
            (f"http://10.0.0.{n}:9428/insert/jsonline", False) for n in (1, 2)
        ]
    text = with_vars("vector_log_endpoint: [infra, 'https://logs.example:8443', 'http://x/y/insert/jsonline']")
    assert [(r.name, r.url, r.tls) for r in receivers(on(text))] == [
        ("infra-1", "http://127.0.0.1:9428/insert/jsonline", False),
        ("url-2", "https://logs.example:8443/insert/jsonline", True),
        ("url-3", "http://x/y/insert/jsonline", False),
    ]
    with pytest.raises(CompileError, match=r"fleet\.yml:1:\d+.*is neither `infra` nor an HTTP URL"):
        receivers(on(with_vars('vector_log_endpoint: ["http://a\'b/"]')))


def test_without_receivers_there_is_no_agent() -> None:
    assert not LogAgent().enabled(on(with_vars("vector_log_endpoint: []")).node)
    assert LogAgent().build(on(with_vars("vlogs_enabled: false"))).service is None
    assert not LogAgent().enabled(on(with_vars("vector_enabled: false")).node)


def test_in_a_sandbox_every_service_has_its_log() -> None:
    ctx = on()
    services = {c.name for c in running_on(ctx) if c.ports(ctx)}
    found = {source.labels.get("app") for source in node_sources(ctx)}
    assert services <= found
    for source in node_sources(ctx):
        assert source.labels.keys() >= {"job", "cls", "ins", "ip"}
        assert source.labels["ip"] == "127.0.0.1"


def test_on_a_host_the_journal_is_read_and_the_files_of_its_modules() -> None:
    text = """\
        all:
          children:
            infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
            db: { hosts: { 10.0.0.9: { pg_seq: 3, redis_node: 2 } } }
          vars: { pg_cluster: pg-test, pg_log_dir: /logs/pg, redis_cluster: ms, redis_instances: { 6379: {}, 6380: {} } }
        """
    sources = {source.name: source for source in node_sources(on(text, "10.0.0.9", kind="system", root=""))}
    assert sources["journal"].kind == "journald"
    assert sources["journal"].labels["job"] == "syslog"
    assert sources["postgres"].paths == ("/logs/pg/*.csv",)
    assert sources["postgres"].labels == {"job": "postgres", "cls": "pg-test", "ins": "pg-test-3", "ip": "10.0.0.9"}
    assert {"patroni", "pgbouncer", "pgbackrest", "postgres-json"} <= sources.keys()
    assert sources["redis-6380"].labels["ins"] == "ms-2-6380"
    assert sources["redis-6380"].paths[0].endswith("/var/log/redis/ms-2-6380.log")


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ("", "/var/log/postgresql/*.log"),
        ("pgbouncer_log_dir: /var/log/postgresql/,", "/var/log/postgresql/postgresql*.log"),
    ],
)
def test_a_log_of_others_in_the_directory_of_postgresql_is_not_its_own(variables: str, path: str) -> None:
    """As on Debian."""
    text = f"""\
        all:
          children:
            infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }} }} }}
            db: {{ hosts: {{ 10.0.0.9: {{ pg_seq: 3 }} }} }}
          vars: {{ pg_cluster: pg-test, {variables} pg_log_dir: /var/log/postgresql }}
        """
    sources = {source.name: source for source in node_sources(on(text, "10.0.0.9", kind="system", root=""))}
    assert sources["postgres-log"].paths == (path,)
    assert sources["postgres"].paths == ("/var/log/postgresql/*.csv",)


def test_each_receiver_has_a_bounded_queue_of_its_own() -> None:
    text = with_vars(
        "log_agent_provider: syslog-ng, log_agent_queue_size: 300MiB, vector_log_endpoint: [infra, 'https://x']"
    )
    found = files(LogAgent().build(on(text)))
    conf = found["/box/etc/staddle/log-agent/syslog-ng.conf"]
    settings = json.loads(found["/box/etc/staddle/log-agent/agent.json"])
    assert settings["queues"] == {name: f"/box/data/vector/queue/{name}" for name in ("infra-1", "url-2")}
    assert settings["queue_limit"] == 300 * 2**20
    for queue in settings["queues"].values():
        assert f"reliable(yes) disk-buf-size({300 * 2**20}) mem-buf-size(1048576) dir('{queue}')" in conf
    assert conf.count("tls(ca-file('/box/etc/pki/ca.crt') peer-verify(yes))") == 1


def test_rows_are_compressed_where_syslog_ng_can() -> None:
    ctx = on(with_vars("log_agent_provider: syslog-ng"))
    for version, able in (("3.38.1-5", False), ("4.8.1-1", True)):
        programs = {name: replace(program, version=version) for name, program in ctx.layout.programs.items()}
        draft = LogAgent().build(replace(ctx, layout=replace(ctx.layout, programs=programs)))
        assert ('content-compression("gzip")' in "".join(files(draft).values())) is able


def test_what_runs_syslog_ng_is_shipped_as_source() -> None:
    found = files(LogAgent().build(on(with_vars("log_agent_provider: syslog-ng"))))
    names = {path.rpartition("/")[2] for path in found if path.startswith("/box/usr/lib/staddle/logagent/")}
    assert names == {
        "__init__.py",
        "__main__.py",
        "agent.py",
        "control.py",
        "follow.py",
        "guard.py",
        "metrics.py",
        "web.py",
    }
    assert not any("import staddle" in text or "from staddle" in text for text in found.values())
