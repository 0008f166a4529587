"""What is around databases and was set up by others: whom INFRA nodes scrape, how, and what the log agents read."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.fleets import compiled, contexts, files_of

from staddle.inventory.modules import member, redis_instances

if TYPE_CHECKING:
    from staddle.manifest.resources import File

FLEET = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
    etcd: { hosts: { 10.0.0.1: { etcd_seq: 1 }, 10.0.0.2: { etcd_seq: 2 } } }
    other-etcd:
      hosts: { 10.0.0.3: { etcd_seq: 1 } }
      vars: { etcd_cluster: dcs, etcd_ca: /etc/etcd/ca.pem, etcd_cert: /etc/etcd/me.pem, etcd_key: /etc/etcd/me.key }
    plain-etcd: { hosts: { 10.0.0.4: { etcd_seq: 1 } }, vars: { etcd_cluster: plain, etcd_https: false } }
    minio: { hosts: { 10.0.0.4: { minio_seq: 1 } }, vars: { minio_cluster: minio, minio_https: false } }
    pg-shop:
      hosts: { 10.0.0.5: { pg_seq: 1 } }
      vars:
        pg_cluster: pg-shop
        pg_monitor_password: pst
        pgbouncer_enabled: true
        patroni_enabled: true
        pgbackrest_enabled: true
        haproxy_enabled: true
    pg-tls:
      hosts: { 10.0.0.6: { pg_seq: 1 } }
      vars:
        pg_cluster: pg-tls
        patroni_enabled: true
        patroni_ssl_enabled: true
        pgbouncer_enabled: true
        pgbouncer_exporter_enabled: false
        vip_enabled: true
        vip_address: 10.0.0.9/24
        vip_vrid: 9
        vip_exporter_enabled: true
    cache:
      hosts:
        10.0.0.2: { redis_node: 1, redis_instances: { 6379: {}, 6380: { replica_of: "10.0.0.2 6379" } } }
        10.0.0.3: { redis_node: 2, redis_instances: { 6379: { log: /srv/r.log } }, redis_bind_address: "" }
      vars: { redis_cluster: cache, redis_password: geheim }
"""


@cache
def files(ip: str, text: str = FLEET) -> dict[str, File]:
    return files_of(compiled(text, kind="system")[ip])


def entries(folder: str) -> list[dict[str, Any]]:
    """The entries of a directory of targets."""
    found = [file for path, file in files("10.0.0.1").items() if path.startswith(f"/data/infra/targets/{folder}/")]
    return [entry for file in found for entry in yaml.safe_load(file.content)]


def targets(folder: str) -> dict[str, dict[str, Any]]:
    """The same by `ins`."""
    return {entry["labels"]["ins"]: entry for entry in entries(folder)}


def around(folder: str, ip: str) -> dict[str, tuple[str, dict[str, str]]]:
    """What is there of a host, by the label `exporter`: its address, and the other labels."""
    found = {}
    for entry in entries(folder):
        if entry["labels"]["ip"] == ip and "exporter" in entry["labels"]:
            labels = dict(entry["labels"])
            found[labels.pop("exporter")] = (entry["targets"][0], labels)
    return found


def jobs() -> dict[str, dict[str, Any]]:
    config = yaml.safe_load(files("10.0.0.1")["/data/infra/prometheus.yml"].content)
    return {job["job_name"]: job for job in config["scrape_configs"]}


@pytest.mark.parametrize(
    ("ins", "ip", "url"),
    [
        ("cache-1-6379", "10.0.0.2", "redis://127.0.0.1:6379"),
        ("cache-1-6380", "10.0.0.2", "redis://127.0.0.1:6380"),
        ("cache-2-6379", "10.0.0.3", "redis://10.0.0.3:6379"),
    ],
)
def test_a_redis_server_is_asked_for_by_the_exporter_of_its_node(ins: str, ip: str, url: str) -> None:
    assert targets("redis")[ins] == {
        "targets": [f"{ip}:9121"],
        "labels": {
            "cls": "cache", "ins": ins, "ip": ip, "instance": f"{ip}:{url.rpartition(':')[2]}",
            "__metrics_path__": "/scrape", "__param_target": url, "__scheme__": "https",
        },
    }  # fmt: skip


def test_passwords_of_redis_are_in_a_file_for_the_exporter_alone() -> None:
    file = files("10.0.0.2")["/etc/staddle/redis-passwords.json"]
    assert (file.mode, file.owner, file.secret) == (0o600, "prometheus", True)
    assert json.loads(file.content) == {"redis://127.0.0.1:6379": "geheim", "redis://127.0.0.1:6380": "geheim"}
    assert not any(b"geheim" in other.content for path, other in files("10.0.0.2").items() if other is not file)


def test_the_exporter_of_redis_demands_a_certificate() -> None:
    options = files("10.0.0.2")["/etc/default/redis_exporter"].content.decode()
    assert "-tls-server-ca-cert-file=/etc/pki/scrapers.crt" in options
    assert jobs()["redis"]["tls_config"]["cert_file"] == "/etc/pki/infra.crt"


def test_a_cluster_behind_a_ca_is_a_scrape_job_of_its_own_under_the_common_label() -> None:
    assert jobs()["etcd-dcs"]["tls_config"] == {
        "ca_file": "/etc/etcd/ca.pem", "cert_file": "/etc/etcd/me.pem", "key_file": "/etc/etcd/me.key",
    }  # fmt: skip
    assert targets("etcd-dcs")["dcs-1"] == {
        "targets": ["10.0.0.3:2379"],
        "labels": {"cls": "dcs", "ins": "dcs-1", "ip": "10.0.0.3", "job": "etcd", "__scheme__": "https"},
    }
    assert jobs()["etcd-etcd"]["tls_config"] == {
        "ca_file": "/etc/pki/machines.crt", "cert_file": "/etc/pki/infra.crt", "key_file": "/etc/pki/infra.key",
    }  # fmt: skip
    assert set(targets("etcd-etcd")) == {"etcd-1", "etcd-2"}


def test_a_plain_cluster_is_scraped_as_it_is() -> None:
    assert targets("etcd")["plain-1"] == {
        "targets": ["10.0.0.4:2379"], "labels": {"cls": "plain", "ins": "plain-1", "ip": "10.0.0.4"},
    }  # fmt: skip


def test_minio_has_no_series_per_bucket() -> None:
    assert targets("minio")["minio-1"]["labels"]["__metrics_path__"] == "/minio/metrics/v3"
    [rule] = jobs()["minio"]["metric_relabel_configs"]
    assert (rule["source_labels"], rule["action"]) == (["bucket"], "drop")


def test_logs_of_redis_are_read_where_they_are() -> None:
    everything = contexts(FLEET)
    found = {
        source.labels["ins"]: source.paths
        for source in everything["10.0.0.1"].registry.logs
        if source.labels["job"] == "redis"
    }
    assert found == {
        "cache-1-6379": ("/box/var/log/redis/cache-1-6379.log",),
        "cache-1-6380": ("/box/var/log/redis/cache-1-6380.log",),
        "cache-2-6379": ("/box/srv/r.log",),
    }  # fmt: skip


def test_a_node_says_what_it_is_in() -> None:
    [first, second] = [ctx.node for ip, ctx in sorted(contexts(FLEET).items())][:2]
    assert member(first, "redis") is None
    assert [member(node, "etcd") and member(node, "etcd").ins for node in (first, second)] == ["etcd-1", "etcd-2"]  # type: ignore[union-attr]
    assert redis_instances(second) == {6379: "cache-1-6379", 6380: "cache-1-6380"}


def test_what_is_gone_from_the_inventory_is_gone_from_the_targets() -> None:
    bare = files("10.0.0.1", "all: { children: { infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } } } }")
    # Rules and dashboards are there for all modules.
    left = [path for path in bare if "redis" in path or "etcd" in path or "minio" in path]
    assert not [path for path in left if "/rules/" not in path and "/dashboards/" not in path]


def test_what_is_around_an_instance_has_its_labels() -> None:
    who = {"cls": "pg-shop", "ins": "pg-shop-1", "ip": "10.0.0.5"}
    assert around("pgsql", "10.0.0.5") == {
        "pgbouncer": ("10.0.0.5:9631", {**who, "__scheme__": "https"}),
        "pgbackrest": ("10.0.0.5:9854", {**who, "__scheme__": "https"}),
        "patroni": ("10.0.0.5:8008", who),
    }
    assert around("node", "10.0.0.5")["haproxy"] == ("10.0.0.5:9101", who)
    assert "haproxy" not in around("node", "10.0.0.6")


def test_a_patroni_behind_tls_is_verified() -> None:
    assert jobs()["pgsql-pg-tls"]["tls_config"]["ca_file"] == "/etc/pki/machines.crt"
    [entry] = entries("pgsql-pg-tls")
    assert (entry["labels"]["job"], entry["labels"]["exporter"]) == ("pgsql", "patroni")


def test_an_exporter_that_others_run_is_not_ours() -> None:
    assert "pgbouncer" not in around("pgsql", "10.0.0.6")


def test_a_floating_address_is_pinged_and_its_keepalived_scraped_where_there_is_an_exporter() -> None:
    assert around("node", "10.0.0.6")["keepalived"] == (
        "10.0.0.6:9650", {"cls": "pg-tls", "ins": "pg-tls-1", "ip": "10.0.0.6", "vip": "10.0.0.9"},
    )  # fmt: skip
    pings = {entry["targets"][0]: entry["labels"]["ins"] for entry in entries("ping")}
    assert pings["10.0.0.9"] == "pg-tls-vip"


def test_the_exporter_of_pgbouncer_knows_its_password_from_a_file_of_its_own() -> None:
    own = files("10.0.0.5")["/etc/staddle/pgbouncer_exporter.json"]
    assert (own.mode, own.owner, own.secret) == (0o600, "prometheus", True)
    settings = json.loads(own.content)
    assert (settings["role"], settings["password"], settings["port"]) == ("dbuser_monitor", "pst", 6432)
    assert settings["tls"] == {
        "certificate": "/etc/pki/node.crt", "key": "/etc/pki/node.key", "clients": "/etc/pki/scrapers.crt",
    }  # fmt: skip


def test_the_exporter_of_pgbackrest_becomes_the_user_whose_backups_they_are() -> None:
    settings = json.loads(files("10.0.0.5")["/etc/staddle/pgbackrest_exporter.json"].content)
    assert (settings["user"], settings["argv"]) == ("postgres", ["/usr/bin/pgbackrest"])
    unit = files("10.0.0.5")["/etc/systemd/system/pgbackrest_exporter.service"].content.decode()
    assert "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_DAC_READ_SEARCH" in unit
    assert "User=" not in unit
