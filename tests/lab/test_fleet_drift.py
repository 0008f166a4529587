"""What somebody changes by hand, for every kind of resource that converge knows: `drift` names it, `apply` mends it, and
nothing but it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import get_args, get_type_hints

from tests.lab.fleet import FIRST, OTHER, SECOND, WORKER, Admin, complaints

from staddle.converge.drift import KINDS
from staddle.manifest import resources


@dataclass(frozen=True)
class Case:
    """Somebody runs `command` on a host: what drift calls that, and what an apply does about it (component, what, action)."""

    host: str
    command: str
    drifts: tuple[tuple[str, str, str], ...]
    mends: tuple[tuple[str, str, str], ...]


def simple(host: str, command: str, kind: str, path: str, what: str, component: str, *actions: str) -> Case:
    """One thing is different. The first action is about it, a second one about the component's service."""
    mends = [(component, path, actions[0])]
    mends += [(component, component, action) for action in actions[1:]]
    return Case(host, command, ((kind, path, what),), tuple(mends))


ACME = "/data/nginx/acme"
"""A directory in which there is nothing as a rule."""
MASKS = "/etc/systemd/system"
UNIT = f"{MASKS}/prometheus-alertmanager.service"
CASES = [
    simple(
        FIRST,
        "echo '# mine' >>/etc/nginx/nginx.conf",
        "file",
        "/etc/nginx/nginx.conf",
        "content",
        "nginx",
        "update",
        "reload",
    ),
    simple(FIRST, "chmod 600 /etc/pki/ca.crt", "file", "/etc/pki/ca.crt", "mode", "ca", "mode"),
    simple(SECOND, "chown nobody /etc/dnsmasq.conf", "file", "/etc/dnsmasq.conf", "owner", "dnsmasq", "owner"),
    simple(WORKER, "chgrp nogroup /etc/pki/ca.crt", "file", "/etc/pki/ca.crt", "owner", "ca", "owner"),
    simple(OTHER, "rm /etc/pki/ca.crt", "file", "/etc/pki/ca.crt", "missing", "ca", "create"),
    Case(
        SECOND,
        "mv /etc/blackbox.yml /root && ln -s /root/blackbox.yml /etc/blackbox.yml",
        (("file", "/etc/blackbox.yml", "kind"),),
        (("blackbox", "/etc/blackbox.yml", "update"), ("blackbox", "blackbox_exporter", "reload")),
    ),
    simple(SECOND, f"rmdir {ACME}", "directory", ACME, "missing", "nginx", "create"),
    simple(
        FIRST, "chmod 755 /data/infra/alertmgr", "directory", "/data/infra/alertmgr", "mode", "alertmanager", "mode"
    ),
    simple(
        SECOND, "chown root /data/infra/alertmgr", "directory", "/data/infra/alertmgr", "owner", "alertmanager", "owner"
    ),
    simple(FIRST, "rm /www", "symlink", "/www", "missing", "nginx", "create"),
    simple(FIRST, f"ln -sfn /dev/zero {UNIT}", "symlink", UNIT, "target", "alertmanager", "retarget"),
    simple(SECOND, f"rm {UNIT}; touch {UNIT}", "symlink", UNIT, "kind", "alertmanager", "update"),
    simple(
        WORKER,
        "systemctl unmask prometheus-node-exporter 2>/dev/null",
        *("symlink", f"{MASKS}/prometheus-node-exporter.service", "missing", "node_exporter", "create"),
    ),
    simple(
        WORKER, "sed -i 's/ i.staddle$/ other/' /etc/hosts", "section", "/etc/hosts", "content", "hosts_file", "update"
    ),
    simple(OTHER, "echo '127.0.0.1 localhost' >/etc/hosts", "section", "/etc/hosts", "missing", "hosts_file", "update"),
    simple(FIRST, "echo >>$(find {tree} -name '*.py' | head -n 1)", "tree", "{tree}", "content", "vlogs", "update"),
    simple(SECOND, "rm -r {tree}", "tree", "{tree}", "missing", "vlogs", "create"),
    simple(
        FIRST,
        "apt-get -qqy remove prometheus-nginx-exporter",
        *("package", "prometheus-nginx-exporter", "missing", "nginx_exporter", "install"),
    ),
    simple(
        WORKER,
        "sed -i '/^Package: nftables$/,/^$/s/^Version: .*/Version: 0.9-1/' /var/lib/dpkg/status",
        *("package", "nftables", "version", "firewall", "upgrade"),
    ),
    Case(
        FIRST,
        "userdel -f dnsmasq",
        (("user", "dnsmasq", "missing"), ("group", "dnsmasq", "missing")),
        (("dnsmasq", "dnsmasq", "create"),),
    ),
    simple(SECOND, "gpasswd -d victoria infra", "user", "victoria", "groups", "vlogs", "groups"),
    simple(FIRST, "sysctl -w net.ipv4.ping_group_range='1 0'", "command", "sysctl", "undone", "kernel", "run"),
    simple(
        WORKER,
        "nft insert rule inet staddle input tcp dport 8081 accept",
        *("command", "nftables", "undone", "firewall", "run"),
    ),
    simple(WORKER, "hostname other", "command", "hostname", "undone", "host_name", "run"),
    simple(
        OTHER,
        "echo >/etc/ssl/certs/ca-certificates.crt",
        "command",
        "update-ca-certificates",
        "undone",
        "ca_trust",
        "run",
    ),
    simple(FIRST, "systemctl stop vmalert", "service", "vmalert", "stopped", "vmalert", "start"),
    simple(SECOND, "systemctl disable vmalert", "service", "vmalert", "disabled", "vmalert", "enable"),
    simple(SECOND, "systemctl mask nginx", "service", "nginx", "masked", "nginx", "enable"),
    Case(
        WORKER,
        "systemctl mask --runtime chrony",
        (("service", "chrony", "masked"),),
        (("ntp_client", "chrony", "enable"),),
    ),
]
IN_THE_WAY = [
    simple(FIRST, f"rmdir {ACME} && echo mine >{ACME}", "directory", ACME, "kind", "nginx", "create"),
    simple(
        OTHER,
        "rm /etc/pki/ca.crt && mkdir /etc/pki/ca.crt && echo mine >/etc/pki/ca.crt/keep",
        *("file", "/etc/pki/ca.crt", "kind", "ca", "create"),
    ),
]
"""What is something else now, and can't be replaced without deleting it."""


NOT_ON_A_HOST = {"component", "phase", "validators", "displaces"}
"""What a manifest says of a component that leaves nothing on a host."""
NAMES = {
    resources.Installed: "package",
    resources.Tree: "tree",
    resources.Command: "command",
    resources.Service: "service",
}


def test_there_is_a_case_for_everything_that_a_manifest_can_ask_for() -> None:
    names = {**vars(resources), "Mapping": Mapping}
    hints = get_type_hints(resources.Block, names)
    types: set[type] = set()
    for field, hint in hints.items():
        if field not in NOT_ON_A_HOST:
            words = [hint, *get_args(hint), *(inner for outer in get_args(hint) for inner in get_args(outer))]
            types |= {word for word in words if isinstance(word, type) and is_dataclass(word)}
    assert {getattr(kind, "kind", None) or NAMES[kind] for kind in types} == set(KINDS)
    covered = {(kind, what) for case in (*CASES, *IN_THE_WAY) for kind, _, what in case.drifts}
    assert covered == {(kind, what) for kind, whats in KINDS.items() for what in whats}


def test_drift_names_what_somebody_changed_and_apply_mends_exactly_that(admin: Admin) -> None:
    trees = json.loads(admin.host(FIRST).read("/var/lib/staddle/ledger.json"))["trees"]
    # The log store is ours, and was sent to the host; the trace store lives in the same tree.
    [tree] = [path for path, entry in trees.items() if "vlogs" in entry["components"]]
    cases = [replaced(case, tree) for case in CASES]
    before = admin.started()
    admin.lab.each(lambda host: [host.run(case.command) for case in cases if case.host == host.ip])
    assert admin.drift() == {(case.host, *found) for case in cases for found in case.drifts}
    expected = {(case.host, *mended) for case in cases for mended in case.mends}
    # Whoever runs from a tree that was changed may have read what was wrong in it.
    expected |= {(FIRST, name, name, "restart") for name in trees[tree]["components"]}
    assert admin.apply_as_planned() == expected
    admin.run("drift", exits=0)
    after = admin.started()
    moved = {(ip, unit) for ip, units in after.items() for unit, since in units.items() if since != before[ip][unit]}
    assert moved == {(ip, f"{name}.service") for ip, _, name, action in expected if action in {"start", "restart"}}
    assert all(all(services.values()) for services in admin.services().values())


def replaced(case: Case, tree: str) -> Case:
    """With the path of the tree, which its content gives it."""
    return Case(
        case.host,
        case.command.replace("{tree}", tree),
        tuple((kind, path.replace("{tree}", tree), what) for kind, path, what in case.drifts),
        tuple((component, what.replace("{tree}", tree), action) for component, what, action in case.mends),
    )


def test_what_is_in_the_way_is_named_and_not_deleted(admin: Admin) -> None:
    for case in IN_THE_WAY:
        admin.host(case.host).run(case.command)
    assert admin.drift() == {(case.host, *found) for case in IN_THE_WAY for found in case.drifts}
    refused = complaints(admin.json("apply", exits=1))
    for case in IN_THE_WAY:
        [(_, path, _)] = case.drifts
        assert [line for line in refused if line.startswith(case.host) and f"{path}" in line and "in the way" in line]
        admin.host(case.host).run(f"test -e {path}/keep -o -s {path} && rm -r {path}")
    assert admin.apply() == {(case.host, *mended) for case in IN_THE_WAY for mended in case.mends}
