"""How machines know each other: certificates by which they say who they are, and what they demand of those who ask.

Every node has one from the CA of nodes, INFRA nodes a second one from the CA of INFRA nodes. Which of the two issued a
certificate is all that tells a machine's role, so no name in it has to be believed. Both are apart from the CA of the
portal, which may be the user's own, and would vouch for everybody that it ever signed for.

Exporters of nodes take `exporter_target`, `exporter_flags` and `exporter_health` from here, and need no more.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography import x509

from staddle.components.base import INFRA, PROMETHEUS
from staddle.components.material import CertificateRequest
from staddle.components.registration import Target
from staddle.components.render import to_yaml
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File, Group, HttpHealth, User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.components.base import Context
    from staddle.components.material import Role
    from staddle.manifest.resources import Resource

PKI = "/etc/pki"
CA_PATH = f"{PKI}/ca.crt"
"""The CA of the portal, for everybody."""
MACHINES = f"{PKI}/machines.crt"
"""All CAs: whom an INFRA node trusts when it calls another machine."""
SCRAPERS = f"{PKI}/scrapers.crt"
"""Who may look at a node's exporters: INFRA nodes, and the node itself, whose health checks do."""
EXPORTERS = "/etc/staddle/exporters.yml"
"""What Prometheus' exporter toolkit calls a web configuration. It is read again for every connection."""
AUTHORITIES: Mapping[Role, str] = {"node": "staddle-nodes", "infra": "staddle-infra"}
"""The common names of the machines' CAs."""
PORTAL = "nginx"
"""The name of the portal's certificate, in the PKI and in nginx's `cert` directory."""
NODE: Role = "node"
PEER: Role = "infra"


def certificate(ctx: Context, role: Role) -> str:
    """The path of this machine's certificate for a role."""
    return ctx.at(f"{PKI}/{role}.crt")


def key(ctx: Context, role: Role) -> str:
    """The path of its key: `node` is for root and those who run as prometheus, `infra` for the group infra."""
    return ctx.at(f"{PKI}/{role}.key")


def authority(ctx: Context, role: Role) -> str:
    """The path of the certificate of the CA of a role."""
    return ctx.at(f"{PKI}/{role}-ca.crt")


def roles(ctx: Context) -> tuple[Role, ...]:
    """What the context's node is among machines."""
    if not ctx.closed:
        return ()
    return (NODE, PEER) if ctx.node.is_infra else (NODE,)


def requests(ctx: Context) -> tuple[CertificateRequest, ...]:
    """The certificates that make it so."""
    days = max(1, int(ctx.params.cert_validity.seconds // 86_400))
    return tuple(CertificateRequest(role, ctx.node.ip, (), (ctx.node.ip,), days, role) for role in roles(ctx))


def resources(ctx: Context) -> tuple[Resource, ...]:
    """The files that this module names. Who doesn't notice new ones by itself is told by `trust`."""
    files: list[Resource] = []
    owners: Mapping[Role, tuple[str, str, int]] = {
        "node": (PROMETHEUS, PROMETHEUS, 0o600),
        "infra": ("root", INFRA, 0o640),
    }
    for role in roles(ctx):
        pair = ctx.made.certificates[ctx.node.ip, role]
        owner, group, mode = owners[role]
        files += [
            _file(authority(ctx, role), ctx.made.machine_cas[role]),
            _file(certificate(ctx, role), pair.certificate),
            File(
                key(ctx, role),
                pair.key,
                mode=mode,
                owner=ctx.owner(owner),
                group=ctx.owner(group),
                on_change="none",
                secret=True,
            ),
        ]
    if not files:
        return ()
    own = ctx.made.certificates[ctx.node.ip, NODE].certificate
    files += [
        _file(ctx.at(SCRAPERS), ctx.made.machine_cas[PEER] + own),
        Directory(ctx.at("/etc/staddle")),
        _file(ctx.at(EXPORTERS), _toolkit(ctx)),
    ]
    if ctx.node.is_infra:
        files.append(_file(ctx.at(MACHINES), _everybody(ctx)))
    return tuple(files)


def accounts(ctx: Context) -> tuple[Group | User, ...]:
    """Those who own them."""
    if not roles(ctx):
        return ()
    shared = (Group(INFRA),) if ctx.node.is_infra else ()
    return (Group(PROMETHEUS), *shared, User(PROMETHEUS, groups=tuple(group.name for group in shared)))


def trust(ctx: Context) -> dict[str, str]:
    """An environment for programs that read certificates only once: they are restarted when there is a new one."""
    return {"STADDLE_CERTIFICATES": fingerprint(ctx)} if ctx.guarded else {}


def fingerprint(ctx: Context) -> str:
    """Changes when a certificate does, of this machine or of a CA."""
    pairs = [ctx.made.certificates[ctx.node.ip, role].certificate for role in roles(ctx)]
    return hashlib.sha256(b"".join([_everybody(ctx), *pairs])).hexdigest()[:16]


def expiries(ctx: Context) -> bytes | None:
    """When the certificates end that Staddle put on the node, as metrics; on INFRA nodes those of the CAs as well."""
    found = {
        name: pair.certificate
        for name in (*roles(ctx), *((PORTAL,) if ctx.node.is_infra else ()))
        if (pair := ctx.made.certificates.get((ctx.node.ip, name)))
    }
    if ctx.node.is_infra:
        found["ca"] = ctx.made.ca_certificate
        found |= {f"{role}-ca": ctx.made.machine_cas[role] for role in roles(ctx)}
    if not found:
        return None
    metric = "staddle_certificate_expiry_timestamp_seconds"
    lines = [f"# HELP {metric} When a certificate of this host ends.", f"# TYPE {metric} gauge"]
    for name, pem in sorted(found.items()):
        end = x509.load_pem_x509_certificate(pem).not_valid_after_utc
        lines.append(f'{metric}{{certificate="{name}"}} {end.timestamp():.0f}')
    return ("\n".join(lines) + "\n").encode()


def client_tls(ctx: Context) -> dict[str, str]:
    """How an INFRA node calls another machine: `tls_config` of Prometheus' world."""
    return {"ca_file": ctx.at(MACHINES), "cert_file": certificate(ctx, PEER), "key_file": key(ctx, PEER)}


def exporter_target(
    ctx: Context, job: str, port: int, labels: Mapping[str, str], path: str, params: Mapping[str, str] | None = None
) -> Target:
    """The scrape target of an exporter that listens on `port` of the context's node."""
    scheme = "https" if ctx.guarded else "http"
    return Target(job, ctx.node.ip, f"{ctx.host}:{ctx.port(port)}", labels, path, scheme, params=params or {})


def exporter_flags(ctx: Context) -> list[str]:
    """What makes an exporter built with Prometheus' exporter toolkit (0.7 or newer) demand a certificate."""
    return [f"--web.config.file={ctx.at(EXPORTERS)}"] if ctx.guarded else []


def exporter_health(ctx: Context, port: int, path: str, contains: str) -> HttpHealth:
    """The health check of an exporter: the node shows its own certificate."""
    where = f"{LOOPBACK}:{ctx.port(port)}{path}"
    if not ctx.guarded:
        return HttpHealth(f"http://{where}", contains=contains)
    return HttpHealth(f"https://{where}", contains=contains, certificate=certificate(ctx, NODE), key=key(ctx, NODE))


def _everybody(ctx: Context) -> bytes:
    authorities = ctx.made.machine_cas
    return b"".join([ctx.made.ca_certificate, *(authorities[role] for role in sorted(authorities))])


def _toolkit(ctx: Context) -> bytes:
    return to_yaml(
        {
            "tls_server_config": {
                "cert_file": certificate(ctx, NODE),
                "key_file": key(ctx, NODE),
                "client_auth_type": "RequireAndVerifyClientCert",
                "client_ca_file": ctx.at(SCRAPERS),
                "min_version": "TLS12",
            }
        }
    )


def _file(path: str, content: bytes) -> File:
    return File(path, content, on_change="none")
