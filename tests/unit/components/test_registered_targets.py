"""An INFRA node says how many targets it has to scrape for each job: as many as stand in the files that it scrapes by."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import yaml
from tests.unit.components.test_modules import files

METRICS = "/var/lib/node_exporter/targets.prom"
TARGETS = re.compile(r"/data/infra/targets/([\w-]+)/.*\.yml")


def test_as_many_as_there_are() -> None:
    found = files("10.0.0.1")
    there: Counter[str] = Counter()
    for path, file in found.items():
        if match := TARGETS.fullmatch(path):
            for entry in yaml.safe_load(file.content):
                there[entry["labels"].get("job", match[1])] += len(entry["targets"])
    said = re.findall(
        r'^staddle_registered_targets\{of="([\w-]+)"\} (\d+)$', found[METRICS].content.decode(), re.MULTILINE
    )
    assert {job: int(count) for job, count in said} == there
    assert there["etcd"] >= 4


@pytest.mark.parametrize("ip", ["10.0.0.2", "10.0.0.5"])
def test_who_scrapes_nothing_says_nothing(ip: str) -> None:
    assert METRICS not in files(ip)
