"""One host: is it up, what is it short of, who says so in the logs."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.levels import BAD
from staddle.dashboards.content.node.queries import (
    CARDS,
    DISKS,
    EXPORTER,
    FILE_SYSTEMS,
    RATE,
    cpu,
    fullest,
    load,
    memory,
    pressure,
    traffic,
    uptime,
)
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import to
from staddle.dashboards.kit.look import UP, above, below, colored, dashed, mirrored
from staddle.dashboards.kit.panels import bars, lines, rows, stat
from staddle.dashboards.kit.queries import LogQuery, Query, now
from staddle.dashboards.kit.variables import choose, derive

S = 'ins="$ins"'
N = f"{EXPORTER},{S}"

OVERVIEW = Row(
    "Overview",
    [
        stat(
            "Up",
            f"max(up{{{N}}})",
            words=UP,
            steps=below(1),
            unit="none",
            filled=True,
            about="Whether node_exporter answers. Red while the host answers to ping: the exporter is gone, the host is not.",
            w=2,
        ),
        stat("Uptime", uptime(N), unit="dtdurations", steps=below(600), about="Red for ten minutes after a boot.", w=3),
        stat("Cores", f'count(node_cpu_seconds_total{{{N},mode="idle"}})', unit="none", w=2),
        stat("Memory", f"sum(node_memory_MemTotal_bytes{{{N}}})", unit="bytes", w=3),
        stat("CPU", cpu(N), unit="percentunit", steps=above(0.7, 0.9), trend=True, w=3, least=0, most=1),
        stat(
            "Load",
            load(N),
            unit="percentunit",
            steps=above(1, 2),
            trend=True,
            w=3,
            about="Load of the last minute, per core: above 100 %, something waits.",
        ),
        stat("Memory used", memory(N), unit="percentunit", steps=above(0.8, 0.95), trend=True, w=3, least=0, most=1),
        stat(
            "Fullest disk",
            fullest(N),
            unit="percentunit",
            steps=above(0.8, 0.9),
            w=3,
            links=[to("node-disk", "Disks", ins="$ins")],
        ),
        stat(
            "Alerts",
            f'count(ALERTS{{alertstate="firing",{S}}}) or vector(0)',
            unit="none",
            steps=above(1),
            w=2,
            links=[to("node-alert", "Alerts", ins="$ins")],
            about="Alerts of this host that fire now.",
        ),
        lines(
            "CPU",
            Query(
                f'sum by (mode) (rate(node_cpu_seconds_total{{{N},mode!="idle"}}{RATE})) / scalar(count(node_cpu_seconds_total{{{N},mode="idle"}}))',
                "{{mode}}",
            ),
            stacked=True,
            unit="percentunit",
            least=0,
            about="What CPU time went to, as a share of all cores. iowait: nothing to run but what waits for disks; steal: the hypervisor ran somebody else.",
            overrides=[
                colored("user", "blue"),
                colored("system", "orange"),
                colored("iowait", "red"),
                colored("steal", "purple"),
            ],
        ),
        lines(
            "Memory",
            Query(f"node_memory_MemTotal_bytes{{{N}}} - node_memory_MemAvailable_bytes{{{N}}}", "used"),
            Query(f"node_memory_Cached_bytes{{{N}}} + node_memory_Buffers_bytes{{{N}}}", "page cache"),
            Query(f"node_memory_MemTotal_bytes{{{N}}}", "total"),
            unit="bytes",
            least=0,
            about="Used is what can't be given to programs. The page cache can, and is what makes a database fast.",
            overrides=[dashed("/^total$/"), colored("used", "orange"), colored("page cache", "blue")],
        ),
    ],
)
PRESSURE = Row(
    "Pressure",
    [
        lines(
            "Waiting for CPU, disk, memory",
            *(Query(pressure(N, what), what) for what in ("cpu", "io", "memory")),
            unit="percentunit",
            least=0,
            steps=above(0.2, 0.5),
            zones=True,
            w=8,
            about="The share of time in which at least one task waited (PSI). The first sign of a host that is too small.",
            empty="The kernel counts no pressure (PSI)",
        ),
        lines(
            "Load",
            *(Query(f"node_load{minutes}{{{N}}}", f"{minutes} min") for minutes in (1, 5, 15)),
            Query(f'count(node_cpu_seconds_total{{{N},mode="idle"}})', "cores"),
            unit="short",
            least=0,
            w=8,
            overrides=[dashed("/cores/")],
        ),
        lines(
            "Processes",
            Query(f"node_procs_running{{{N}}}", "running"),
            Query(f"node_procs_blocked{{{N}}}", "blocked by a disk"),
            Query(f"rate(node_forks_total{{{N}}}{RATE})", "forks per second"),
            unit="short",
            least=0,
            w=8,
            overrides=[colored("blocked by a disk", "red")],
        ),
    ],
)
DISK = Row(
    "Disks",
    [
        bars(
            "File systems",
            now(
                f"1 - node_filesystem_avail_bytes{{{N},{FILE_SYSTEMS}}} / node_filesystem_size_bytes{{{N},{FILE_SYSTEMS}}}",
                "{{mountpoint}}",
            ),
            unit="percentunit",
            most=1,
            steps=above(0.8, 0.9),
            w=8,
            about="How full each is, for programs that aren't root.",
            links=[to("node-disk", "Disks", ins="$ins")],
        ),
        lines(
            "Throughput",
            Query(f"rate(node_disk_read_bytes_total{{{N},{DISKS}}}{RATE})", "{{device}} read"),
            Query(f"rate(node_disk_written_bytes_total{{{N},{DISKS}}}{RATE})", "{{device}} write"),
            unit="binBps",
            w=8,
            overrides=[mirrored("/write/")],
            about="Reads upwards, writes downwards.",
        ),
        lines(
            "Busy",
            Query(f"rate(node_disk_io_time_seconds_total{{{N},{DISKS}}}{RATE})", "{{device}}"),
            unit="percentunit",
            least=0,
            steps=above(0.7, 0.95),
            zones=True,
            w=8,
            about="The share of time in which the device had at least one request. SSDs can be busy all the time and still have room.",
        ),
    ],
)
NETWORK = Row(
    "Network",
    [
        lines(
            "Traffic",
            Query(traffic(N, "receive", "ins,device"), "{{device}} in"),
            Query(traffic(N, "transmit", "ins,device"), "{{device}} out"),
            unit="binBps",
            w=8,
            overrides=[mirrored("/out/")],
            about="Received upwards, sent downwards.",
        ),
        lines(
            "Errors and drops",
            Query(
                f"rate(node_network_receive_errs_total{{{N},{CARDS}}}{RATE}) + rate(node_network_receive_drop_total{{{N},{CARDS}}}{RATE})",
                "{{device}} in",
            ),
            Query(
                f"rate(node_network_transmit_errs_total{{{N},{CARDS}}}{RATE}) + rate(node_network_transmit_drop_total{{{N},{CARDS}}}{RATE})",
                "{{device}} out",
            ),
            unit="pps",
            least=0,
            steps=above(1, 100),
            w=8,
            about="Packets that were broken or had no room. Should be zero.",
        ),
        lines(
            "TCP",
            Query(f"node_netstat_Tcp_CurrEstab{{{N}}}", "established"),
            Query(f"node_sockstat_TCP_tw{{{N}}}", "time-wait"),
            Query(f"rate(node_netstat_Tcp_RetransSegs{{{N}}}{RATE})", "retransmitted per second"),
            Query(f"rate(node_netstat_TcpExt_ListenDrops{{{N}}}{RATE})", "refused by a full queue, per second"),
            unit="short",
            least=0,
            w=8,
            overrides=[
                colored("retransmitted per second", "orange"),
                colored("refused by a full queue, per second", "red"),
            ],
        ),
    ],
)
SYSTEM = Row(
    "System",
    [
        lines(
            "Swapping",
            Query(f"rate(node_vmstat_pswpin{{{N}}}{RATE})", "in"),
            Query(f"rate(node_vmstat_pswpout{{{N}}}{RATE})", "out"),
            unit="pps",
            w=6,
            overrides=[mirrored("/out/")],
            about="Pages per second. A database host should swap nothing.",
        ),
        lines(
            "Major page faults",
            Query(f"rate(node_vmstat_pgmajfault{{{N}}}{RATE})", "faults"),
            unit="ops",
            least=0,
            w=6,
            about="Pages that had to be read from disk first.",
        ),
        lines("Open files", Query(f"node_filefd_allocated{{{N}}}", "open"), unit="short", least=0, w=6),
        lines(
            "Clock",
            Query(f"node_timex_offset_seconds{{{N}}}", "offset"),
            Query(f"node_timex_maxerror_seconds{{{N}}}", "greatest possible error"),
            unit="s",
            w=6,
            about="How far the clock is from its source, as the kernel knows it. A kernel that no time service tells anything doesn't know.",
        ),
    ],
)
LOGS = Row(
    "Logs",
    [
        lines(
            "Rows by application",
            LogQuery('ip:="$ip" | stats by (app) count() rows', "statsRange", "{{app}}"),
            drawn_as_bars=True,
            stacked=True,
            unit="short",
            h=6,
            w=24,
            links=[nav.logs_of(ip="$ip")],
            empty="No log lines of this host in this time",
        ),
        rows(
            "Warnings and errors",
            f'ip:="$ip" {BAD}',
            empty="No warnings in this time",
            links=[nav.logs_of(ip="$ip")],
        ),
    ],
)

BOARDS = [
    Board(
        uid="node-instance",
        title="NODE Instance",
        folder="node",
        about="One host: is it up, what is it short of, what do its logs say.",
        tags=["Instance"],
        variables=[
            choose("ins", "Node", f"label_values(up{{{EXPORTER}}}, ins)"),
            derive("ip", f"label_values(up{{{N}}}, ip)"),
            derive("cls", f"label_values(up{{{N}}}, cls)"),
        ],
        links=[
            nav.NODES,
            to("node-cluster", "Cluster $cls", cls="$cls"),
            to("node-disk", "Disks", ins="$ins"),
            to("node-alert", "Alerts", ins="$ins"),
            nav.logs_of(ip="$ip"),
        ],
        dropdowns=[("NODE", "node")],
        rows=[OVERVIEW, PRESSURE, DISK, NETWORK, SYSTEM, LOGS],
        alerts=S,
    )
]
