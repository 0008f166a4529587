"""One query that answers everything the pages say about health, so that a page costs one small request per poll."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staddle.components.portal.site import Site


def combined_query(site: Site) -> str:
    """A MetricsQL instant query whose series are told apart by the label `staddle`.

    * `component`: one per watched component row, named by the label `id`; healthy when the value is >= 1
    * `target`: what each scrape target (`job`, `ins`, `ip`) answers; the smallest `up` of its ports
    * `alert`: one per firing alert, with its own labels
    * `age`: seconds since the youngest vmalert started; a silent heartbeat means nothing right after that
    * `since`: when an alert became active (Unix time), with its own labels
    """
    parts = [
        f'label_set(min(({row.health_query})), "staddle", "component", "id", {json.dumps(row.instance)})'
        for row in site.components
        if row.health_query
    ]
    parts += [
        'label_set(min(up) by (job, ins, ip), "staddle", "target")',
        'label_set(ALERTS{alertstate="firing"}, "staddle", "alert")',
        'label_set(ALERTS_FOR_STATE, "staddle", "since")',
        'label_set(min(vm_app_uptime_seconds{job="infra", cls="vmalert"}), "staddle", "age")',
    ]
    return f"union({', '.join(parts)})"
