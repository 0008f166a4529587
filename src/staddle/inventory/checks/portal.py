"""The portal: each entry can be served, and each domain belongs to one entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.inventory.parameters.values import is_ip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.inventory.draft import Draft
    from staddle.inventory.parameters import PortalEntry
    from staddle.inventory.problems import Problem
    from staddle.inventory.shape import Shape

_PASSWORD_BYTES = 72
"""Everything after these would not count."""


def check(draft: Draft, infra: Sequence[Draft]) -> Iterator[Problem]:
    """Everything about the portal of one INFRA node."""
    params = draft.node.params
    if not draft.node.is_infra or not params.nginx_enabled:
        return
    if "nginx_users" not in draft.broken:
        yield from _users(draft)
    if "infra_portal" in draft.broken:
        return
    if "home" not in params.infra_portal:
        yield draft.problem("error", "infra_portal", "has no entry 'home'", "home: { domain: i.staddle }")
    addresses = {"localhost", "127.0.0.1", "[::1]", *(_literal(member.node.ip) for member in infra)}
    for name, entry in params.infra_portal.items():
        where = f"infra_portal.{name}"
        yield from _home(draft, entry) if name == "home" else _target(draft, where, entry)
        yield from _security(draft, where, entry)
        if entry.endpoint:
            host, _, port = entry.endpoint.rpartition(":")
            if host.lower() in addresses and int(port) in {params.nginx_port, params.nginx_ssl_port}:
                message = "is the portal itself: every request would loop"
                yield draft.problem("error", f"{where}.endpoint", message, "another port", repr(entry.endpoint))
    yield from _domains(draft)


def check_closed(drafts: Sequence[Draft], shape: Shape) -> Iterator[Problem]:  # noqa: ARG001
    """With `infra_expose: portal` other nodes come in by the portal, with certificates: it must be there, with TLS."""
    if len(drafts) < 2:
        return
    for draft in drafts:
        params = draft.node.params
        if not draft.node.is_infra or params.infra_expose != "portal":
            continue
        for name, missing in (
            ("nginx_enabled", not params.nginx_enabled),
            ("nginx_sslmode", params.nginx_sslmode == "disable"),
        ):
            if missing:
                message = "leaves the other nodes no way in while infra_expose is 'portal'"
                yield draft.problem("error", name, message, "the portal with TLS, or infra_expose: intranet")
                break


def _home(draft: Draft, entry: PortalEntry) -> Iterator[Problem]:
    where = "infra_portal.home"
    if not entry.domain or entry.domain.startswith("*"):
        yield draft.problem("error", where, "the home entry needs a domain", "domain: i.staddle")
    if entry.endpoint:
        yield draft.problem(
            "error", f"{where}.endpoint", "home is the portal itself, it can't forward", "an entry of its own"
        )


def _target(draft: Draft, where: str, entry: PortalEntry) -> Iterator[Problem]:
    if entry.endpoint and entry.path:
        yield draft.problem("error", where, "has both endpoint and path", "one of them")
    if not (entry.endpoint or entry.path or entry.conf):
        yield draft.problem("error", where, "has neither endpoint nor path", "endpoint: host:port, or path: /directory")
    if not entry.domain and entry.domains:
        yield draft.problem("error", where, "has domains but no domain", "domain: the main name")
    elif not entry.domain:
        yield draft.problem("warning", where, "has no domain, so it is not served", "domain: a name of its own")
    if entry.path and not entry.endpoint:
        for key in ("websocket", "scheme"):
            if key in entry.model_fields_set:
                yield draft.problem("warning", f"{where}.{key}", "has no effect on a directory")


def _security(draft: Draft, where: str, entry: PortalEntry) -> Iterator[Problem]:
    params = draft.node.params
    if bool(entry.cert) != bool(entry.key):
        given, missing = ("cert", "key") if entry.cert else ("key", "cert")
        yield draft.problem("error", f"{where}.{given}", f"{given} without {missing}", "both files")
    if not entry.realm.isprintable():
        yield draft.problem("error", f"{where}.realm", "holds characters that can't be printed", "one line of text")
    if entry.certbot and entry.cert:
        yield draft.problem("error", f"{where}.certbot", "has both certbot and cert", "one of them")
    if entry.certbot and params.certbot_sign and not params.certbot_email:
        yield draft.problem("error", f"{where}.certbot", "certbot_sign needs certbot_email", "a mail address")
    if entry.certbot and params.certbot_sign:
        yield from _challenge(draft, where, entry)
    if entry.enforce_https and params.nginx_sslmode == "disable":
        message = "asks for HTTPS, but nginx_sslmode is 'disable'"
        yield draft.problem("error", f"{where}.enforce_https", message, "nginx_sslmode: enable")


def _challenge(draft: Draft, where: str, entry: PortalEntry) -> Iterator[Problem]:
    """The authority asks each name for a file, over plain HTTP at the usual port."""
    names = {f"{where}.domain": entry.domain} | {f"{where}.domains[{i}]": name for i, name in enumerate(entry.domains)}
    for place, name in names.items():
        if name.startswith("*"):
            message = f"no authority gives a certificate for {name} to a web server"
            yield draft.problem("error", place, message, "names without *, or cert and key of your own")
    if draft.node.params.nginx_port != 80:
        message = "an authority looks at port 80, the portal is at another (nginx_port)"
        yield draft.problem("warning", f"{where}.certbot", message, "a way from port 80 to it")


def _domains(draft: Draft) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, entry in draft.node.params.infra_portal.items():
        where = f"infra_portal.{name}"
        places = [(entry.domain, f"{where}.domain")] if entry.domain else []
        places += [(domain, f"{where}.domains[{index}]") for index, domain in enumerate(entry.domains)]
        for domain, place in places:
            owner = owners.setdefault(domain.lower(), place)
            if owner != place:
                entry_name = owner.split(".")[1]
                message = f"domain {domain!r} is also that of entry {entry_name!r}"
                yield draft.problem("error", place, message, "a domain of its own")


def _users(draft: Draft) -> Iterator[Problem]:
    for user, password in draft.node.params.nginx_users.items():
        where = f"nginx_users.{user}"
        if not user or ":" in user or user.startswith("#") or not user.isprintable():
            message = f"user name {user!r} can't be used"
            yield draft.problem("error", where, message, "printable, without ':', not starting with '#'")
        secret = password.get_secret_value().encode()
        if not secret:
            yield draft.problem("error", where, "has an empty password", "a password")
        elif len(secret) > _PASSWORD_BYTES or b"\0" in secret:
            message = "has a password that bcrypt can't hash"
            yield draft.problem("error", where, message, f"up to {_PASSWORD_BYTES} bytes, none of them NUL")


def _literal(ip: str) -> str:
    return f"[{ip}]" if is_ip(ip) and ":" in ip else ip
