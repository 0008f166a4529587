"""Facts of real hosts, for tests of the system layout: what Debian's releases offer."""

from __future__ import annotations

from dataclasses import replace

from staddle.drive.facts import HostFacts, PackageFacts


def _host(codename: str, version: str, **candidates: str) -> HostFacts:
    packages = {name.replace("_", "-"): PackageFacts(None, candidate) for name, candidate in candidates.items()}
    return HostFacts("debian", codename, version, "amd64", "3.13.5", "h1", packages, nameservers=("192.0.2.53",))


TRIXIE = _host(
    "trixie",
    "13",
    chrony="4.6.1-3",
    dnsmasq_base="2.91-1",
    ca_certificates="20250419",
    nftables="1.1.3-1",
    nginx="1.26.3-3+deb13u1",
    prometheus_alertmanager="0.28.1+ds-1",
    prometheus_blackbox_exporter="0.26.0-1",
    prometheus_nginx_exporter="1.4.1-1+b5",
    prometheus_node_exporter="1.9.0-1+b4",
    prometheus_postgres_exporter="0.17.1-1+b4",
    syslog_ng_core="4.8.1-1+b4",
    syslog_ng_mod_http="4.8.1-1+b4",
    sudo="1.9.16p2-3",
    tuned="2.25.1-1",
    tzdata="2026f-0+deb13u1",
    victoria_metrics="1.112.0+ds1-2",
)
BOOKWORM = _host(
    "bookworm",
    "12",
    chrony="4.3-2+deb12u3",
    dnsmasq_base="2.90-4~deb12u2",
    ca_certificates="20230311+deb12u1",
    nftables="1.0.6-2+deb12u2",
    nginx="1.22.1-9+deb12u11",
    prometheus_alertmanager="0.25.0-1+b4",
    prometheus_blackbox_exporter="0.23.0-4+b4",
    prometheus_nginx_exporter="0.11.0-1+b4",
    prometheus_node_exporter="1.5.0-1+b6",
    prometheus_postgres_exporter="0.11.1-3+b5",
    syslog_ng_core="3.38.1-5+deb12u1",
    syslog_ng_mod_http="3.38.1-5+deb12u1",
    sudo="1.9.13p3-1+deb12u2",
    tuned="2.20.0-1",
    tzdata="2026f-0+deb12u1",
    victoria_metrics="1.79.5+ds1-2+b5",
)


def facts_with(facts: HostFacts, **packages: PackageFacts) -> HostFacts:
    return replace(facts, packages={**facts.packages, **packages})
