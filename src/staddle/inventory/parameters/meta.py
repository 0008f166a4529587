"""Parameters that describe the deployment as a whole."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from staddle import __version__
from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import AnyIpAddress, Text

_NO_PROXY = "localhost,127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,.staddle"


class MetaParameters(Section):
    """What the deployment is, where it is, and who serves it."""

    title: ClassVar[str] = "META"

    version: Annotated[Text, Param("Version shown on the home page and used in file names.")] = __version__
    admin_ip: Annotated[
        AnyIpAddress,
        Param("Address of the INFRA node that serves the others. Empty: the one with the lowest `infra_seq`."),
    ] = ""
    region: Annotated[
        Literal["default", "china", "europe"], Param("Which mirrors of the package sources to prefer.")
    ] = "default"
    language: Annotated[Literal["en", "zh"], Param("Language of the web pages.")] = "en"
    proxy_env: Annotated[
        dict[str, str],
        Param(
            "Environment of programs that download packages, on the ADMIN node and on hosts: `http_proxy`, `https_proxy`,"
            " `no_proxy`. The fleet's own addresses need not be in the last."
        ),
    ] = Field(default_factory=lambda: {"no_proxy": _NO_PROXY})
