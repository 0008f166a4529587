"""Questions about the parameter schema: what a name is, what stands at a path inside a parameter, what is secret."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import SecretStr, TypeAdapter

from staddle.inventory.nearest import nearest
from staddle.inventory.parameters import Param, Parameters, Record, describe

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

FIELDS: dict[str, FieldInfo] = dict(Parameters.model_fields)
ADDING_UP = frozenset(name for name, field in FIELDS.items() if describe(field).adds_up)

# Prefixes of other modules: their parameters are carried along, not judged.
FOREIGN_PREFIXES = (
    "pg_", "pgsodium_", "pgb_", "pgbouncer_", "pgbackrest_", "pgsql_", "patroni_", "redis_", "minio_", "etcd_", "docker_",
    "mysql_", "kafka_", "mongo_", "ferret_", "juice_", "vip_", "code_", "jupyter_", "claude_", "vibe_", "nodejs_",
    "npm_", "kube_", "app_",
)  # fmt: skip
# Parameters of other modules that have no prefix, or look like one of ours.
FOREIGN_NAMES = frozenset(
    {
        *(
            "app",
            "apps",
            "code_data",
            "gp_role",
            "redis_mode",
            "redis_conf",
            "redis_type",
            "redis_clean",
            "redis_fs_main",
        ),
        *("etcd_data", "etcd_init", "etcd_clean", "etcd_learner", "etcd_peer_port", "minio_data", "minio_node"),
        *("minio_user", "minio_clean", "minio_alias", "minio_admin_port"),
    }
)
# What the reference called things in its previous version.
RENAMED = {
    "prometheus_enabled": "vmetrics_enabled", "prometheus_clean": "vmetrics_clean", "prometheus_port": "vmetrics_port",
    "prometheus_options": "vmetrics_options", "loki_enabled": "vlogs_enabled", "loki_port": "vlogs_port",
    "loki_options": "vlogs_options", "promtail_enabled": "vector_enabled", "promtail_port": "vector_port",
    "nginx_navbar": "infra_extra_services",
}  # fmt: skip

Kind = Literal["parameter", "connection", "foreign", "typo", "renamed", "unknown"]

SECRET_KEY = re.compile(r"(pass|passwd|password|secret|token|secret_key|access_key|private_key|pgurl)$", re.IGNORECASE)


@cache
def kind_of_name(name: str) -> tuple[Kind, str | None]:
    """What a variable is, and for a typo or a renamed parameter the name that was probably meant."""
    if name in FIELDS:
        return "parameter", None
    if name.startswith("ansible_"):
        return "connection", None
    if name in FOREIGN_NAMES:
        return "foreign", None
    if near := nearest(name, FIELDS):
        return "typo", near
    if name in RENAMED:
        return "renamed", RENAMED[name]
    return ("foreign" if name.startswith(FOREIGN_PREFIXES) else "unknown"), None


@cache
def adapter(name: str) -> TypeAdapter[Any]:
    """The validator of one parameter by itself."""
    field = FIELDS[name]
    annotation: Any = Annotated[(field.annotation, *field.metadata)]
    return TypeAdapter(annotation)


def param_at(name: str, path: tuple[object, ...]) -> Param:
    """The declaration that governs a place inside a parameter: the innermost that says something about text."""
    param = describe(FIELDS[name])
    for field in _fields_along(name, path):
        inner = describe(field)
        if inner.foreign or inner.tokens:
            param = inner
    return param


def is_secret(name: str, path: tuple[object, ...] = ()) -> bool:
    """Whether the value of a parameter, or what stands at a path inside it, must never be shown."""
    if name not in FIELDS:
        return bool(SECRET_KEY.search(name)) or any(isinstance(part, str) and SECRET_KEY.search(part) for part in path)
    if _mentions(FIELDS[name].annotation, SecretStr):
        return True
    if any(_mentions(field.annotation, SecretStr) for field in _fields_along(name, path)):
        return True
    return any(isinstance(part, str) and SECRET_KEY.search(part) for part in path)


def keys_of(name: str) -> tuple[str, ...]:
    """The keys that a structured value inside a parameter may have."""
    records = _records(FIELDS[name].annotation)
    return tuple(field.alias or key for record in records for key, field in record.model_fields.items())


def record_of(name: str) -> type[Record] | None:
    """The record that a parameter is a list or mapping of, if it is structured."""
    records = _records(FIELDS[name].annotation)
    return records[0] if records else None


def _fields_along(name: str, path: tuple[object, ...]) -> list[FieldInfo]:
    fields = []
    records = _records(FIELDS[name].annotation)
    # The first part of the path is the list's index or the mapping's key; the next one is a field of the record.
    for part in path[1:]:
        field = next((f for r in records for key, f in r.model_fields.items() if part == (f.alias or key)), None)
        if field is None:
            break
        fields.append(field)
        records = _records(field.annotation)
    return fields


def _records(annotation: Any) -> list[type[Record]]:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return [annotation]
    return [record for part in get_args(annotation) for record in _records(part)]


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(part, wanted) for part in get_args(annotation))
