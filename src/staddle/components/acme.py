"""ACME: certificates of a public authority for the portal entries that name one (`certbot`).

Several steps, since each has to hold though the next fails. `acme` brings the program that chooses what to show. nginx has,
for every lineage, a pair of our own CA and the link to what is shown (`own_pairs`, `links`). `certbot` sets up the program and
its timer. `acme_order` asks for what is missing: if the authority refuses, the run says so, the portal shows our own, and
the timer goes on trying.
"""

from __future__ import annotations

import json
import shlex
from importlib.resources import files
from typing import TYPE_CHECKING

from staddle.components.base import Component, Confinement, Context, Draft, Package, Phase
from staddle.components.material import CertificateRequest
from staddle.components.node_exporter import TEXTFILES
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.errors import CompileError
from staddle.manifest import systemd
from staddle.manifest.resources import Command, Directory, File, Symlink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.inventory.fleet import Node
    from staddle.inventory.parameters import Parameters, PortalEntry

CERTBOT = Package("certbot", {"certbot": "/usr/bin/certbot"}, "2.1")
OPENSSL = Package("openssl", {"openssl": "/usr/bin/openssl"}, "3.0", smoke=("version",))
PROGRAM = "/usr/lib/staddle/acme.py"
CONFIG = "/etc/staddle/acme.json"
SHOWN = "/etc/nginx/acme"
"""Below it, by lineage: `own/`, and the link `current` to what nginx shows."""
LIVE = "/etc/letsencrypt/live"
METRICS = f"{TEXTFILES}/acme.prom"
UNIT = "staddle-acme"
TIMES = "*-*-* 00,12:00:00"


def lineages(params: Parameters) -> dict[str, tuple[str, ...]]:
    """The certificates that portal entries name, each with the host names of all entries that share it."""
    found: dict[str, list[str]] = {}
    for _, entry in sorted(params.infra_portal.items()):
        if entry.certbot and entry.domain:
            found.setdefault(entry.certbot, []).extend([entry.domain, *entry.domains])
    return {name: tuple(dict.fromkeys(names)) for name, names in sorted(found.items())}


def shown_pair(ctx: Context, entry: PortalEntry) -> tuple[str, str] | None:
    """Certificate and key that nginx shows for the entry, if it has such: relative to its configuration."""
    if not entry.certbot or entry.certbot not in _shown(ctx):
        return None
    current = f"acme/{entry.certbot}/current"
    return f"{current}/fullchain.pem", f"{current}/privkey.pem"


def requests(ctx: Context) -> list[CertificateRequest]:
    """Certificates of our CA that stand in until there are the authority's."""
    days = max(1, int(ctx.params.nginx_cert_validity.seconds // 86_400))
    return [CertificateRequest(f"acme-{name}", names[0], names, (), days) for name, names in _shown(ctx).items()]


def own_pairs(ctx: Context) -> Iterator[Directory | File]:
    """Those certificates where nginx finds them."""
    names = _shown(ctx)
    if ctx.material is None:
        raise CompileError("compiling the portal needs certificates")
    if names:
        yield Directory(ctx.at(SHOWN), mode=0o700)
    for name in names:
        own = f"{ctx.at(SHOWN)}/{name}/own"
        pair = ctx.material.certificates[ctx.node.ip, f"acme-{name}"]
        yield Directory(f"{ctx.at(SHOWN)}/{name}", mode=0o700)
        yield Directory(own, mode=0o700)
        yield File(f"{own}/fullchain.pem", pair.certificate, on_change="reload")
        yield File(f"{own}/privkey.pem", pair.key, mode=0o600, secret=True, on_change="reload")


def links(ctx: Context) -> tuple[Command, ...]:
    """Keeps the links to what is shown."""
    if not _shown(ctx):
        return ()
    undo = ("find", ctx.at(SHOWN), "-mindepth", "2", "(", "-name", "current", "-o", "-name", ".shown", ")", "-delete")
    return (Command("choose", _command(ctx, "choose"), check=_command(ctx, "check"), undo=undo),)


def judged(ctx: Context, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The validator of nginx's files, where the links must not be missing in its private copy."""
    if not _shown(ctx):
        return argv
    script = 'for own in "$1"/*/own; do ln -sfn own "${own%own}current"; done; shift; exec "$@"'
    return ("sh", "-c", script, "sh", f"{{stage}}{ctx.at(SHOWN)}", *argv)


def peers(ctx: Context) -> list[str]:
    """Other INFRA nodes, which may have been given the challenge that this one is asked for: `host:port` of their portals."""
    if not _shown(ctx):
        return []
    others = [node for node in ctx.fleet.infra if node.ip != ctx.node.ip and _wanted(node)]
    return [f"{ctx.layout.host(node)}:{ctx.port(node.params.nginx_port)}" for node in others]


def _shown(ctx: Context) -> dict[str, tuple[str, ...]]:
    """A sandbox has the portal's own certificate for all names."""
    return lineages(ctx.params) if _wanted(ctx.node) and not ctx.layout.is_sandbox else {}


def _wanted(node: Node) -> bool:
    params = node.params
    return node.is_infra and params.nginx_enabled and params.nginx_sslmode != "disable" and bool(lineages(params))


def _command(ctx: Context, what: str) -> tuple[str, ...]:
    return (ctx.layout.python, ctx.at(PROGRAM), what, "--config", ctx.at(CONFIG))


@component
class Acme(Component):
    name = "acme"
    title = "Which certificate to show"
    phase = Phase.INFRA
    packages = (OPENSSL,)
    system_only = True

    def enabled(self, node: Node) -> bool:
        return _wanted(node)

    def build(self, ctx: Context) -> Draft:
        program = files("staddle.acme").joinpath("agent.py").read_bytes()
        metrics = (Directory(ctx.at(TEXTFILES)),) if ctx.params.node_exporter_enabled else ()
        return Draft(resources=(File(ctx.at(PROGRAM), program), File(ctx.at(CONFIG), _settings(ctx)), *metrics))


def _settings(ctx: Context) -> bytes:
    params = ctx.params
    settings = {
        "lineages": lineages(params),
        "directory": ctx.at(SHOWN),
        "live": ctx.at(LIVE),
        "webroot": f"{ctx.at(params.nginx_data)}/acme",
        "email": params.certbot_email,
        "options": shlex.split(params.certbot_options),
        "metrics": ctx.at(METRICS) if params.node_exporter_enabled else None,
    }
    return (json.dumps(settings, indent=1) + "\n").encode()


@component
class Certbot(Component):
    name = "certbot"
    title = "certbot"
    phase = Phase.INFRA
    packages = (CERTBOT,)
    system_only = True
    after = ("nginx",)

    def enabled(self, node: Node) -> bool:
        return _wanted(node) and node.params.certbot_sign

    def build(self, ctx: Context) -> Draft:
        unit = f"{ctx.at(systemd.UNITS)}/{UNIT}"
        confinement = Confinement(
            None,
            writes=(ctx.at("/etc/letsencrypt"), ctx.at(SHOWN)),
            capabilities=("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"),
            # Python's bindings of OpenSSL make code at run time.
            without=("MemoryDenyWriteExecute",),
            system="full",
        )
        timer = f"{UNIT}.timer"
        stop = (
            f"systemctl stop {timer}; systemctl daemon-reload; systemctl reset-failed {timer}; rm -f {ctx.at(METRICS)}"
        )
        return Draft(
            resources=(
                File(f"{unit}.service", systemd.task("ACME orders", _command(ctx, "order"), confinement, NOTE)),
                File(f"{unit}.timer", systemd.timer("ACME orders twice a day", TIMES, "6h", NOTE)),
                Symlink(f"{ctx.at(systemd.UNITS)}/timers.target.wants/{timer}", f"../{timer}"),
            ),
            commands=(
                Command(
                    "timer",
                    ("sh", "-c", f"systemctl daemon-reload && systemctl restart {timer}"),
                    check=("systemctl", "--quiet", "is-active", timer),
                    undo=("sh", "-c", f"{{ {stop}; }} 2>/dev/null"),
                ),
            ),
        )


@component
class AcmeOrder(Component):
    name = "acme_order"
    title = "Orders for certificates"
    phase = Phase.INFRA
    system_only = True
    after = ("certbot",)

    def enabled(self, node: Node) -> bool:
        return _wanted(node) and node.params.certbot_sign

    def build(self, ctx: Context) -> Draft:
        # By systemd, as the timer has it: what works now will work then.
        said = (
            f"journalctl --quiet --output=cat _SYSTEMD_INVOCATION_ID=$(systemctl show --value -p InvocationID {UNIT})"
        )
        script = f"systemctl start {UNIT}.service 2>/dev/null || {{ {said} >&2; exit 1; }}"
        return Draft(
            commands=(Command("order", ("sh", "-c", script), check=_command(ctx, "due"), timeout=900.0),),
        )
