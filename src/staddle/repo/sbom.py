"""What is in a bundle, as a software bill of materials (CycloneDX 1.6, JSON)."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from staddle.repo.model import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.repo.offline.archive import Manifest


def document(repository: Mapping[str, Any], manifest: Manifest) -> bytes:
    """The bill of a repository, of which `repository` is `repo.json`. The same for the same repository."""
    components = [_package(item) for item in repository["packages"]] + [_wheel(item) for item in repository["wheels"]]
    components.sort(key=lambda item: str(item["bom-ref"]))
    body = {
        "metadata": {
            "timestamp": datetime.fromtimestamp(manifest.created, UTC).isoformat(),
            "component": {
                "type": "application",
                "bom-ref": "bundle",
                "name": manifest.name,
                "version": manifest.version,
            },
        },
        "components": components,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return json.dumps({**head, **body}, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _package(item: Mapping[str, Any]) -> dict[str, Any]:
    target = Target.parse(item["target"])
    kind = target.format
    vendor = target.family if kind == "deb" else "redhat"
    name, version = quote(item["name"], safe=""), quote(item["version"], safe="")
    purl = f"pkg:{kind}/{vendor}/{name}@{version}?arch={item['arch']}&distro={target.codename}"
    return {
        "type": "library",
        "bom-ref": f"{purl}#{item['path']}",
        "name": item["name"],
        "version": item["version"],
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": item["sha256"]}],
        "properties": [
            {"name": "staddle:origin", "value": item["origin"]},
            {"name": "staddle:path", "value": item["path"]},
        ],
    }


def _wheel(item: Mapping[str, Any]) -> dict[str, Any]:
    purl = f"pkg:pypi/{quote(item['name'].lower(), safe='')}@{quote(item['version'], safe='')}"
    found = {
        "type": "library",
        "bom-ref": f"{purl}#{item['file']}",
        "name": item["name"],
        "version": item["version"],
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": item["sha256"]}],
        "properties": [{"name": "staddle:path", "value": f"wheels/{item['file']}"}],
    }
    return {**found, "licenses": [{"license": {"name": item["license"]}}]} if item["license"] else found
