"""Parameters of the certificate authority."""

from typing import Annotated, ClassVar

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import Duration


class CaParameters(Section):
    """The certificate authority on the ADMIN node, which signs every certificate of the fleet."""

    title: ClassVar[str] = "CA"

    ca_create: Annotated[bool, Param("Create the CA if it is missing. Off: a missing CA is an error.")] = True
    ca_cn: Annotated[str, Param("Common name of the CA.")] = "staddle-ca"
    cert_validity: Annotated[
        Duration,
        Param("Life of a component's certificate; it is re-issued when less than a third is left."),
    ] = Duration("1825d")
