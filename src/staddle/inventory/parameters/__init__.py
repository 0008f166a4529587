"""The parameters of the inventory: one class per section, joined into `Parameters`."""

from __future__ import annotations

from functools import cache
from inspect import get_annotations
from typing import TYPE_CHECKING, Any

from staddle.inventory.parameters.alerting import (
    AlertInterval,
    AlertReceiver,
    AlertRoute,
    AlertRouteTest,
    AlertSetting,
)
from staddle.inventory.parameters.around import AroundParameters
from staddle.inventory.parameters.balance import BalanceParameters
from staddle.inventory.parameters.ca import CaParameters
from staddle.inventory.parameters.console import ConsoleParameters
from staddle.inventory.parameters.declare import Level, Param, Record, Section
from staddle.inventory.parameters.dns import DnsParameters
from staddle.inventory.parameters.grafana import GrafanaParameters
from staddle.inventory.parameters.infra import InfraParameters
from staddle.inventory.parameters.meta import MetaParameters
from staddle.inventory.parameters.monitor import MonitorParameters
from staddle.inventory.parameters.nginx import NginxParameters
from staddle.inventory.parameters.node import NodeParameters
from staddle.inventory.parameters.pgsql import PgsqlParameters, RemotePostgres
from staddle.inventory.parameters.prometheus import PrometheusParameters
from staddle.inventory.parameters.records import PortalEntry, ProbeTarget, RepoUpstream, ServiceCard
from staddle.inventory.parameters.redis import RedisInstance, RedisParameters
from staddle.inventory.parameters.repo import CacheParameters, RepoParameters
from staddle.inventory.parameters.stores import StoreParameters
from staddle.inventory.parameters.values import Duration, Size
from staddle.inventory.parameters.victoria import VictoriaParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

__all__ = [
    "AlertInterval",
    "AlertReceiver",
    "AlertRoute",
    "AlertRouteTest",
    "AlertSetting",
    "Duration",
    "Level",
    "Param",
    "Parameters",
    "PortalEntry",
    "ProbeTarget",
    "Record",
    "RedisInstance",
    "RemotePostgres",
    "RepoUpstream",
    "Section",
    "ServiceCard",
    "Size",
    "describe",
    "sections",
]


# Pydantic collects fields from the last base to the first, so the sections are listed in reverse.
class Parameters(
    StoreParameters,
    RedisParameters,
    AroundParameters,
    PgsqlParameters,
    MonitorParameters,
    BalanceParameters,
    NodeParameters,
    CacheParameters,
    RepoParameters,
    ConsoleParameters,
    GrafanaParameters,
    PrometheusParameters,
    VictoriaParameters,
    DnsParameters,
    NginxParameters,
    InfraParameters,
    CaParameters,
    MetaParameters,
):
    """Every parameter Staddle knows. `Parameters()` has the defaults, with placeholders still unresolved."""


def describe(field: FieldInfo) -> Param:
    """The declaration of a field of a section or record."""
    return next(item for item in field.metadata if isinstance(item, Param))


@cache
def sections() -> Mapping[type[Section], Mapping[str, FieldInfo]]:
    """The sections in the order of the reference, with the parameters that each declares itself."""
    found: dict[type[Section], dict[str, FieldInfo]] = {}
    for name, field in Parameters.model_fields.items():
        owner: Any = next(base for base in reversed(Parameters.__mro__) if name in get_annotations(base))
        found.setdefault(owner, {})[name] = field
    return found


def _check_declared(model: type[Record]) -> None:
    # A field without a Param would be missing from the reference; fail at import, not at a user's.
    for name, field in model.model_fields.items():
        if not any(isinstance(item, Param) for item in field.metadata):
            raise TypeError(f"{model.__name__}.{name} has no Param")


for _model in (
    Parameters,
    AlertInterval,
    AlertReceiver,
    AlertRoute,
    AlertRouteTest,
    AlertSetting,
    PortalEntry,
    ProbeTarget,
    RedisInstance,
    RemotePostgres,
    RepoUpstream,
    ServiceCard,
):
    _check_declared(_model)
