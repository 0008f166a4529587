"""Grafana on 2 INFRA nodes, with 2 PostgreSQL clusters: `python -m tests.unit.components.grafana_case` prints its files."""

from __future__ import annotations

import sys
from functools import cache

from tests.unit.fleets import compiled, files_of

FLEET = """\
all:
  children:
    infra:
      hosts:
        10.0.0.1: { infra_seq: 1 }
        10.0.0.2: { infra_seq: 2 }
    pg-meta:
      hosts:
        10.0.0.1: { pg_seq: 1, pg_role: primary }
      vars: { pg_cluster: pg-meta }
    pg-test:
      hosts:
        10.0.0.3: { pg_seq: 1, pg_role: primary }
        10.0.0.4: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test }
  vars:
    admin_ip: 10.0.0.1
    pg_monitor_password: "an$wer"
"""


@cache
def rendered(extra: str = "", ip: str = "10.0.0.1") -> dict[str, str]:
    """The files of Grafana on a real host, without the dashboards; `extra` are more variables of all nodes."""
    files = files_of(compiled(FLEET + extra, kind="system")[ip])
    return {
        path: file.content.decode()
        for path, file in files.items()
        if path.startswith(("/etc/grafana/", "/etc/systemd/system/grafana"))
        and not path.startswith("/etc/grafana/dashboards/")
    }


def main() -> None:
    for ip in ("10.0.0.1", "10.0.0.2"):
        for path, content in sorted(rendered(ip=ip).items()):
            sys.stdout.write(f"=== {ip}:{path}\n{content}\n")


if __name__ == "__main__":
    main()
