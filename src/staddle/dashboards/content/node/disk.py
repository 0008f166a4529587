"""Disks: how full, how fast full, how busy."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.node.queries import DISKS, EXPORTER, FILE_SYSTEMS, RATE
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell, series, to
from staddle.dashboards.kit.look import above, below, mirrored
from staddle.dashboards.kit.panels import lines, stat
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose

N = f'{EXPORTER},cls=~"$cls",ins=~"$ins"'
F, D = f"{N},{FILE_SYSTEMS}", f"{N},{DISKS}"
USED = f"1 - node_filesystem_avail_bytes{{{F}}} / node_filesystem_size_bytes{{{F}}}"
KEYS = "ins, ip, mountpoint, device, fstype"
DISK_KEYS = "ins, device"
LINKS = [series("node-instance", "ins")]


def _per_request(what: str) -> str:
    return f"rate(node_disk_{what}_time_seconds_total{{{D}}}{RATE}) / (rate(node_disk_{what}s_completed_total{{{D}}}{RATE}) > 0)"


def _rate(metric: str) -> str:
    return f"rate(node_disk_{metric}_total{{{D}}}{RATE})"


BOARDS = [
    Board(
        uid="node-disk",
        title="NODE Disks",
        folder="node",
        about="File systems and disks: how full, when full, how busy, how slow.",
        tags=["Instance"],
        variables=[
            choose("cls", "Cluster", f"label_values(up{{{EXPORTER}}}, cls)", everything=True),
            choose("ins", "Node", f'label_values(up{{{EXPORTER},cls=~"$cls"}}, ins)', everything=True),
        ],
        links=[nav.NODES, to("node-instance", "Node", ins="$ins"), nav.logs_of(ins="$ins")],
        dropdowns=[("NODE", "node")],
        alerts='job="node",cls=~"$cls",ins=~"$ins"',
        rows=[
            Row("File systems", [
                stat("Fullest", f"max({USED})", unit="percentunit", steps=above(0.8, 0.9), w=3),
                stat("Least free", f"min(node_filesystem_avail_bytes{{{F}}})", unit="bytes", steps=below(1e9, 10e9), w=3),
                stat("Full in", f"min((node_filesystem_avail_bytes{{{F}}} / -deriv(node_filesystem_avail_bytes{{{F}}}[1h])) > 0)", unit="dtdurations",
                     steps=below(86400, 4 * 86400), w=4, about="If it goes on as in the last hour.", empty="Nothing fills up"),
                stat("Fewest inodes", f"min(node_filesystem_files_free{{{F}}} / node_filesystem_files{{{F}}})", unit="percentunit", steps=below(0.05, 0.1), w=3,
                     empty="No file system counts inodes"),
                stat("Read-only", f"sum(node_filesystem_readonly{{{F}}})", unit="none", steps=above(1), w=2,
                     about="A file system that turned read-only has had an error."),
                stat("Busiest disk", f"max({_rate('io_time_seconds')})", unit="percentunit", steps=above(0.7, 0.95), trend=True, w=3),
                stat("Reads", f"sum({_rate('read_bytes')})", unit="binBps", trend=True, w=3),
                stat("Writes", f"sum({_rate('written_bytes')})", unit="binBps", trend=True, w=3),
                table(
                    "File systems",
                    f"max by ({KEYS}) (node_filesystem_size_bytes{{{F}}})",
                    label("ins", "Node", cell("node-instance", "Node", ins="Node")),
                    label("mountpoint", "Mounted at"),
                    label("device", "Device"),
                    label("fstype", "Type", width=80),
                    Column(title="Size", unit="bytes"),
                    Column(title="Free", expr=f"max by ({KEYS}) (node_filesystem_avail_bytes{{{F}}})", unit="bytes"),
                    Column(title="Used", expr=f"max by ({KEYS}) ({USED})", unit="percentunit", most=1, cell="gauge", steps=above(0.8, 0.9), width=180),
                    Column(title="Inodes used", expr=f"max by ({KEYS}) (1 - node_filesystem_files_free{{{F}}} / node_filesystem_files{{{F}}})", unit="percentunit", steps=above(0.9, 0.95)),
                    label("ip", "Address"),
                    descending="Used",
                ),
                lines("Used", Query(USED, "{{ins}} {{mountpoint}}"), unit="percentunit", least=0, most=1, steps=above(0.8, 0.9), zones=True, links=LINKS),
                lines("Free", Query(f"node_filesystem_avail_bytes{{{F}}}", "{{ins}} {{mountpoint}}"), unit="bytes", least=0, links=LINKS),
            ]),
            Row("Disks", [
                table(
                    "Disks",
                    f"max by ({DISK_KEYS}) ({_rate('io_time_seconds')})",
                    label("ins", "Node", cell("node-instance", "Node", ins="Node")),
                    label("device", "Device"),
                    Column(title="Busy", unit="percentunit", most=1, cell="gauge", steps=above(0.7, 0.95)),
                    Column(title="Reads", expr=f"max by ({DISK_KEYS}) ({_rate('read_bytes')})", unit="binBps"),
                    Column(title="Writes", expr=f"max by ({DISK_KEYS}) ({_rate('written_bytes')})", unit="binBps"),
                    Column(title="Reads/s", expr=f"max by ({DISK_KEYS}) ({_rate('reads_completed')})", unit="iops", decimals=0),
                    Column(title="Writes/s", expr=f"max by ({DISK_KEYS}) ({_rate('writes_completed')})", unit="iops", decimals=0),
                    Column(title="Queue", expr=f"max by ({DISK_KEYS}) ({_rate('io_time_weighted_seconds')})", unit="short", steps=above(4, 16)),
                    descending="Busy",
                    h=6,
                ),
                lines("Throughput", Query(_rate("read_bytes"), "{{ins}} {{device}} read"), Query(_rate("written_bytes"), "{{ins}} {{device}} write"), unit="binBps",
                      overrides=[mirrored("/write/")], about="Reads upwards, writes downwards.", links=LINKS),
                lines("Requests", Query(_rate("reads_completed"), "{{ins}} {{device}} read"), Query(_rate("writes_completed"), "{{ins}} {{device}} write"),
                      unit="iops", overrides=[mirrored("/write/")], links=LINKS),
                lines("Time of a request", Query(_per_request("read"), "{{ins}} {{device}} read"), Query(_per_request("write"), "{{ins}} {{device}} write"), unit="s",
                      least=0, steps=above(0.01, 0.1), zones=True, about="Waiting in the queue included. A database feels anything beyond a few milliseconds.",
                      empty="The disks had no requests", links=LINKS),
                lines("Queue", Query(_rate("io_time_weighted_seconds"), "{{ins}} {{device}}"), unit="short", least=0, about="Requests under way, on average.", links=LINKS),
            ]),
        ],
    )
]  # fmt: skip
