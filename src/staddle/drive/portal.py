"""Asking what is behind a portal of the fleet, as an operator does: over HTTPS, with the login of the inventory."""

from __future__ import annotations

import base64
import http.client
import ssl
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from staddle.drive.rundir import FILES
from staddle.errors import FleetError
from staddle.inventory.identity import home_domain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from staddle.inventory.fleet import Fleet, Node

CA = "pki/ca/ca.crt"
LOGIN = "portal-login"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP server. `name` is what it is called by, wherever it is connected to; paths are below `prefix`."""

    host: str
    port: int
    prefix: str = ""
    name: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    authorization: str = field(default="", repr=False)

    @classmethod
    def of_url(cls, url: str) -> Endpoint:
        """A plain one."""
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or 80, parts.path.rstrip("/"))

    def call(self, method: str, path: str, body: bytes | None, timeout: float) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError if there is none."""
        with self._ask(method, path, body, "application/json", timeout) as answer:
            return answer.status, answer.read()

    @contextmanager
    def open(self, path: str, form: bytes, timeout: float | None) -> Iterator[tuple[int, Iterable[bytes]]]:
        """Status and lines of the answer to a form that is posted, as they come. Raises OSError if there is none."""
        with self._ask("POST", path, form, "application/x-www-form-urlencoded", timeout) as answer:
            yield answer.status, answer

    @contextmanager
    def _ask(
        self, method: str, path: str, body: bytes | None, kind: str, timeout: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        headers = {"Host": self.name or self.host, "Content-Type": kind}
        if self.authorization:
            headers["Authorization"] = self.authorization
        try:
            with closing(_Connection(self, timeout)) as connection:
                connection.request(method, f"{self.prefix}/{path}", body, headers)
                yield connection.getresponse()
        except http.client.HTTPException as error:
            raise OSError(f"is no proper answer: {error!r}") from error


class _Connection(http.client.HTTPConnection):
    """Connects to one address, and checks the certificate for another name."""

    def __init__(self, endpoint: Endpoint, timeout: float | None) -> None:
        super().__init__(endpoint.host, endpoint.port, timeout=timeout)
        self._endpoint = endpoint

    def connect(self) -> None:
        super().connect()
        if self._endpoint.tls:
            self.sock = self._endpoint.tls.wrap_socket(self.sock, server_hostname=self._endpoint.name)


def portals(fleet: Fleet, inventory: Path) -> list[tuple[Node, Endpoint]]:
    """The portals of the INFRA nodes, with a login. Raises FleetError if there is none, or no login."""
    nodes = [node for node in fleet.infra if node.params.nginx_enabled]
    if not nodes:
        raise FleetError("no INFRA node has a portal", hint="nginx_enabled: true")
    files = inventory.absolute().parent / FILES
    return [(node, _portal(node, files)) for node in nodes]


def _portal(node: Node, files: Path) -> Endpoint:
    params = node.params
    host = str(node.connection.get("ansible_host") or node.ip)
    name = home_domain(params)
    if params.nginx_sslmode == "disable":
        return Endpoint(host, params.nginx_port, name=name, authorization=_login(node, files))
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=str(files / CA))
    except OSError as error:
        raise FleetError(
            f"can't read the CA's certificate {files / CA}: {error.strerror}",
            hint="the ADMIN node has it, from the first apply on",
        ) from error
    return Endpoint(host, params.nginx_ssl_port, name=name, tls=context, authorization=_login(node, files))


def _login(node: Node, files: Path) -> str:
    users = {user: password.get_secret_value() for user, password in node.params.nginx_users.items()}
    if not users:
        try:
            user, _, password = (files / LOGIN).read_text(encoding="utf-8").strip().partition(":")
        except FileNotFoundError:
            return ""  # nothing takes a login, or nothing was ever applied
        users = {user: password}
    login = next(f"{user}:{password}" for user, password in sorted(users.items()))
    return "Basic " + base64.b64encode(login.encode()).decode()
