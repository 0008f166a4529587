"""Parameters of the portal's web server."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import AbsolutePath, AnyUrl, Duration, Port


class NginxParameters(Section):
    """The web server in front of everything."""

    title: ClassVar[str] = "NGINX"

    nginx_enabled: Annotated[bool, Param("Run the portal.")] = True
    nginx_clean: Annotated[bool, Param("Ignore files in the `conf.d` of nginx that Staddle did not write.")] = False
    nginx_exporter_enabled: Annotated[bool, Param("Run the nginx exporter.")] = True
    nginx_exporter_port: Annotated[
        Port,
        Param("Port of the nginx exporter.", listens="infra", when=("nginx_enabled", "nginx_exporter_enabled")),
    ] = 9113
    nginx_sslmode: Annotated[
        Literal["disable", "enable", "enforce"],
        Param("HTTP only, HTTP and HTTPS, or HTTPS with a redirect from HTTP."),
    ] = "enable"
    nginx_cert_validity: Annotated[
        Duration, Param("Life of the portal's certificate; browsers refuse more than 398 days.")
    ] = Duration("397d")
    nginx_home: Annotated[AbsolutePath, Param("Document root.")] = "/www"
    nginx_data: Annotated[AbsolutePath, Param("Directory that holds the content; `nginx_home` links to it.")] = (
        "/data/nginx"
    )
    nginx_users: Annotated[
        dict[str, SecretStr],
        Param(
            "Users of portal entries with `auth`, and their passwords; stored as hashes."
            " Without any, a login is made and kept on the ADMIN node."
        ),
    ] = Field(default_factory=dict)
    nginx_port: Annotated[Port, Param("HTTP port of the portal.", listens="infra", when=("nginx_enabled",))] = 80
    nginx_ssl_port: Annotated[
        Port, Param("HTTPS port of the portal.", listens="infra", when=("nginx_enabled", "nginx_sslmode"))
    ] = 443
    portal_url: Annotated[
        AnyUrl,
        Param("URL of the portal as users see it, for links in notifications. Empty: from the home domain."),
    ] = ""
    infra_expose: Annotated[
        Literal["portal", "intranet"],
        Param(
            "Who reaches the programs behind the portal and the exporters of nodes: only who shows a certificate or logs in,"
            " or (`intranet`) everybody who can connect to their ports."
        ),
    ] = "portal"
    certbot_sign: Annotated[bool, Param("Order certificates that portal entries name (`certbot`) by ACME.")] = False
    certbot_email: Annotated[str, Param("Mail address of the ACME account.")] = ""
    certbot_options: Annotated[str, Param("Further options for certbot, such as --server.")] = ""
