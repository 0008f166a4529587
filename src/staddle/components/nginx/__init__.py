"""nginx: the portal. Home page, every component behind one address, the servers of `infra_portal`, TLS."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.components import acme
from staddle.components.base import Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.nginx.access import CLIENTS, HEALTH, access
from staddle.components.nginx.custom import custom_server
from staddle.components.nginx.home import home_site
from staddle.components.nginx.servers import ADDRESS, HOME, Server, certificate_request, is_default, servers
from staddle.components.nginx.settings import CERTIFICATE, CONFIG, RESERVED, STATUS_PATH, WORKER, listen_plain
from staddle.components.portal.site import render
from staddle.components.registration import LogSource, Probe, Registration
from staddle.components.registry import component
from staddle.components.render import template
from staddle.components.repo import home_of
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File, HttpHealth, Symlink, Validator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from staddle.components.material import CertificateRequest
    from staddle.inventory.fleet import Node

NGINX = Package("nginx", {"nginx": "/usr/sbin/nginx"}, "1.18", smoke=("-v",))
# https://wiki.mozilla.org/Security/Server_Side_TLS, "intermediate" 5.7, ECDHE only.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
PREFIX = "/var/lib/nginx"
"""What relative paths of its configuration start from, other than those of files that it includes."""
START = f"{CONFIG}/start.sh"
DIGEST = "configuration"
"""Name of the snippet, and of the page below the status page, that tell which configuration is in service."""
PID = "nginx.pid"
RUN = "/run"
HTTP2_DIRECTIVE = (1, 25, 1)
"""The first version with a directive of its own for HTTP/2; before, it was a parameter of `listen`."""


@component
class Nginx(InfraComponent):
    name = "nginx"
    title = "Nginx portal"
    port_parameter = "nginx_port"
    path = "/"
    packages = (NGINX,)
    programs = ("nginx",)
    after = ("acme",)

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.nginx_enabled

    def port(self, ctx: Context) -> int:
        plain = ctx.params.nginx_sslmode == "disable"
        return ctx.port(ctx.params.nginx_port if plain else ctx.params.nginx_ssl_port)

    def ports(self, ctx: Context) -> Mapping[str, int]:
        params = ctx.params
        ports = {"nginx_port": ctx.port(params.nginx_port)}
        if params.nginx_sslmode != "disable":
            ports["nginx_ssl_port"] = ctx.port(params.nginx_ssl_port)
        return ports

    def certificates(self, ctx: Context) -> tuple[CertificateRequest, ...]:
        return () if ctx.params.nginx_sslmode == "disable" else (certificate_request(ctx), *acme.requests(ctx))

    def register(self, ctx: Context) -> Registration:
        instance = ctx.instance(self.name)
        query = f'probe_success{{job="probe",ins="{instance}"}}'
        if not ctx.params.blackbox_enabled:
            query = f'up{{job="infra",ins="{instance}"}}' if ctx.params.nginx_exporter_enabled else ""
        return Registration(probes=tuple(_probes(ctx, instance)), listings=(self.listing(ctx, health_query=query),))

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        """Requests, and what nginx says itself: on a real host that's in the journal."""
        labels = {"job": "nginx", "cls": "nginx", "ins": ctx.instance(self.name), "ip": ctx.node.ip, "app": "nginx"}
        sandbox = ctx.layout.is_sandbox
        access = ctx.layout.log("nginx-access") if sandbox else "/var/log/nginx/*.log"
        error = LogSource("nginx-error", "nginx_error", {**labels, "cls": "nginx-error"}, (ctx.layout.log("nginx"),))
        return (LogSource("nginx-access", "nginx_access", labels, (access,)), *([error] if sandbox else []))

    def build(self, ctx: Context) -> Draft:
        program = ctx.program("nginx")
        config = ctx.at(f"{CONFIG}/nginx.conf")
        www = ctx.at(ctx.params.nginx_data)
        read = [*_configuration(ctx), *_identity(ctx), *acme.own_pairs(ctx)]
        digest = _digest(read)
        return Draft(
            resources=(
                *(Directory(ctx.at(f"{CONFIG}{sub}")) for sub in ("", "/conf.d", "/snippets")),
                Directory(ctx.at(f"{CONFIG}/cert"), mode=0o700),
                Directory(ctx.at(PREFIX)),
                *read,
                _file(ctx, f"snippets/{DIGEST}.conf", template(__name__, f"{DIGEST}.conf.j2", digest=digest)),
                *_content(ctx, www),
                *(
                    []
                    if ctx.params.nginx_home == ctx.params.nginx_data
                    else [Symlink(ctx.at(ctx.params.nginx_home), www)]
                ),
            ),
            validators=(
                Validator(
                    "nginx -t",
                    acme.judged(
                        ctx, (program.path, "-t", "-q", "-e", "stderr", "-p", "{stage}", "-c", f"{{stage}}{config}")
                    ),
                    environment=program.environment,
                ),
            ),
            commands=acme.links(ctx),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    *((ctx.at(START),) if ctx.layout.is_sandbox else ()),
                    *(program.path, "-e", "stderr", "-p", ctx.at(PREFIX), "-c", config, "-g", "daemon off;"),
                ),
                # A reload that nginx can't do leaves the old configuration in service, and nothing but its log says so.
                health=HttpHealth(f"{listen_plain(ctx)}{STATUS_PATH}/{DIGEST}", contains=digest),
                health_timeout=10,
                environment=program.environment,
                reload_signal="HUP",
                stdout_log="nginx-access",
                packaged_unit=True,
                confinement=_confinement(ctx),
            ),
        )


def _confinement(ctx: Context) -> Confinement:
    """The master is root, to read keys and to open ports and logs; its workers are not."""
    return Confinement(
        user=None,
        writes=(ctx.at(PREFIX), RUN, "-/var/log/nginx"),
        capabilities=(
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_KILL",
            "CAP_NET_BIND_SERVICE",
            "CAP_SETGID",
            "CAP_SETUID",
        ),
        # It raises the limit of open files by itself.
        resources=True,
        open_files=131_072,
        stop_signal="QUIT",
    )


def _configuration(ctx: Context) -> list[File]:
    params, sandbox = ctx.params, ctx.layout.is_sandbox
    all_servers = servers(ctx)
    common = {
        "servers": all_servers,
        # Those of others are read as well, unless the inventory wants none.
        "files": [f"{server.name}.conf" for server in all_servers] if params.nginx_clean else ["*.conf"],
        "tls": params.nginx_sslmode != "disable",
        "machines": ctx.closed and params.nginx_sslmode != "disable",
        "home_login": all_servers[0].login,
        "home_realm": realm_value(all_servers[0].entry.realm),
        "access": access(ctx),
        "re_escape": re.escape,
        "acme_peers": acme.peers(ctx),
    }
    main = template(
        __name__,
        "nginx.conf.j2",
        user=ctx.layout.user if ctx.layout.user == "root" else ctx.owner(WORKER),
        may_raise_limits=not sandbox,
        pid=PID if sandbox else f"{RUN}/{PID}",
        access_log="/dev/stdout" if sandbox else "/var/log/nginx/access.log",
        ciphers=CIPHERS,
        **common,
    )
    files = [_file(ctx, "nginx.conf", main), _file(ctx, "mime.types", template(__name__, "mime.types.j2"))]
    snippets = {name: template(__name__, f"{name}.conf.j2") for name in ("headers", "guest", "page", "own")}
    for name, websocket in (("proxy", False), ("websocket", True)):
        snippets[name] = template(__name__, "proxy.conf.j2", websocket=websocket)
    files += [_file(ctx, f"snippets/{name}.conf", content) for name, content in snippets.items()]
    if sandbox:
        start = template(__name__, "start.sh.j2", pid=ctx.at(f"{PREFIX}/{PID}"))
        files.append(File(ctx.at(START), start, mode=0o755, on_change="none"))
    for server in all_servers:
        values = {**common, **_values(ctx, server)}
        position = ctx.node.where(f"infra_portal.{server.name}.conf")
        own = custom_server(server, ctx.made.templates, values, str(position) if position else None)
        content = template(__name__, f"{server.kind}.conf.j2", **values) if own is None else own
        files.append(_file(ctx, f"conf.d/{server.name}.conf", content, origin=server.origin))
    return files


def _values(ctx: Context, server: Server) -> dict[str, Any]:
    """What the template of a server is given, a user's own template too: docs/portal.md lists it."""
    params = ctx.params
    # With only loopback it is v4; elsewhere every address of both families.
    listen = [ctx.bind] if ctx.bind else ["*", "[::]"]
    all_servers = servers(ctx)
    claimed = {name.lower() for other in all_servers for name in other.names}
    own_names = ["localhost"] if server.name == HOME and "localhost" not in claimed else []
    return {
        "server": server,
        "is_default": is_default(server, all_servers),
        "health_path": HEALTH,
        "repo": ctx.params.repo_name,
        "repo_root": ctx.at(home_of(ctx.params)),
        "clients": CLIENTS,
        "near": _near(ctx),
        "server_names": [*server.names, *own_names],
        "listen": listen,
        "port": ctx.port(params.nginx_port),
        "tls_port": ctx.port(params.nginx_ssl_port),
        "http2_directive": ctx.program("nginx").release >= HTTP2_DIRECTIVE,
        "www": ctx.at(params.nginx_data),
        "root": _root(ctx, server),
        "status_path": STATUS_PATH,
        "digest": DIGEST,
        "routes": sorted(ctx.registry.routes, key=lambda route: route.path),
        "reserved": _reserved(ctx),
        "portal_url": ctx.portal_url,
        "realm": realm_value(server.entry.realm),
        "access_log": _access_log(ctx, server),
    }


def _identity(ctx: Context) -> list[File]:
    """Certificate, key, and the users' hashes."""
    material = ctx.made
    files = []
    pair = material.certificates.get((ctx.node.ip, CERTIFICATE))
    if pair:
        files.append(_file(ctx, f"cert/{CERTIFICATE}.crt", pair.certificate))
        files.append(_file(ctx, f"cert/{CERTIFICATE}.key", pair.key, mode=0o600, secret=True))
    if ctx.closed:
        authorities = ctx.made.machine_cas
        files.append(_file(ctx, CLIENTS, b"".join(authorities[role] for role in sorted(authorities))))
    lines = [f"{user}:{hashed}\n" for user, hashed in sorted(material.password_hashes.items())]
    # The workers read it, and they don't run as root on a real host.
    hashes = _file(ctx, "htpasswd", "".join(lines).encode(), mode=0o640, secret=True)
    files.append(replace(hashes, group=ctx.owner(WORKER)))
    return files


def _digest(resources: list[Any]) -> str:
    """What tells this configuration from any other. Secrets are left out: what it says is seen."""
    files = (item for item in resources if isinstance(item, File) and item.on_change == "reload" and not item.secret)
    told = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        told.update(f"{file.path} {hashlib.sha256(file.content).hexdigest()}\n".encode())
    return told.hexdigest()


def _content(ctx: Context, www: str) -> list[Directory | File]:
    """The web root: home page, the pages below `/_staddle`, and the CA's certificate."""
    files = {**render(home_site(ctx, ctx.made)), "ca.crt": ctx.made.ca_certificate}
    folders = {parent for path in files for parent in _parents(path)}
    return [
        *(Directory(f"{www}/{folder}".rstrip("/")) for folder in sorted({"", "acme", *folders})),
        *(File(f"{www}/{path}", content, on_change="none") for path, content in sorted(files.items())),
    ]


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _file(
    ctx: Context, path: str, content: bytes, *, mode: int = 0o644, secret: bool = False, origin: str | None = None
) -> File:
    where = ctx.at(f"{CONFIG}/{path}")
    return File(where, content, mode=mode, on_change="reload", secret=secret, origin=origin)


def _near(ctx: Context) -> dict[str, str]:
    """Where the metrics of this node's own programs are: path of the portal → URL."""
    return {
        target.path: f"http://{LOOPBACK}:{target.near.port}{target.near.path}"
        for target in ctx.registry.targets
        if target.near and target.labels["ip"] == ctx.node.ip
    }


def _reserved(ctx: Context) -> dict[str, str]:
    taken = {route.path for route in ctx.registry.routes}
    return {path: page for path, page in RESERVED.items() if path not in taken}


def _access_log(ctx: Context, server: Server) -> str | None:
    """A log of its own, where something rotates it: in the sandbox all requests go to one captured log."""
    return f"/var/log/nginx/{server.entry.log}" if server.entry.log and not ctx.layout.is_sandbox else None


def _root(ctx: Context, server: Server) -> str:
    """The directory a server serves: below the web root it moves with the layout, anywhere else it is where it is."""
    params, path = ctx.params, server.entry.path
    for root in (params.nginx_home, params.nginx_data):
        if path is None or path == root or path.startswith(f"{root}/"):
            return ctx.at(params.nginx_data + (path or root)[len(root) :])
    return str(path)


def realm_value(realm: str) -> str:
    """The realm as a quoted value of the configuration, where it becomes a quoted string of the WWW-Authenticate header."""
    text = realm.replace("\\", "\\\\").replace('"', '\\"')
    # The word that would switch the log-in off means the same with its first character quoted.
    text = "\\off" if text == "off" else text
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "${dollar}")


def _probes(ctx: Context, instance: str) -> list[Probe]:
    """The home server over HTTPS (or HTTP), and every other server by its first name."""
    params = ctx.params
    plain = params.nginx_sslmode == "disable"
    scheme, port = ("http", params.nginx_port) if plain else ("https", params.nginx_ssl_port)
    url = f"{scheme}://{ctx.host}:{ctx.port(port)}/"
    probes = []
    for server in servers(ctx):
        if server.name == ADDRESS:
            continue
        ins = instance if server.is_home else f"{instance}:{server.names[0]}"
        labels = {"cls": "nginx", "ins": ins, "ip": ctx.node.ip, "server": server.names[0]}
        hostname = server.names[0].replace("*.", "probe.")
        module = "http_portal" if server.by_our_ca else "http_portal_public"
        probes.append(Probe(instance, module, url, labels, hostname=hostname))
    return probes
