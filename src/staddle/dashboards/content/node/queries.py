"""Queries about hosts that several dashboards ask. `sel` are label matchers, `by` the labels to keep."""

from __future__ import annotations

RATE = "[$__rate_interval]"
FILE_SYSTEMS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|fuse.*|nsfs|iso9660"'
DISKS = 'device!~"loop.*|ram.*|zram.*|fd.*|sr.*"'
CARDS = 'device!~"lo|veth.*|docker.*|br-.*|ifb.*|virbr.*|cali.*|tunl.*"'
EXPORTER = 'job="node",exporter=""'


def cpu(sel: str, by: str = "ins") -> str:
    """The share of CPU time that was used."""
    return f'1 - avg by ({by}) (rate(node_cpu_seconds_total{{{sel},mode="idle"}}{RATE}))'


def load(sel: str, by: str = "ins") -> str:
    """The load of the last minute, per core."""
    cores = f'count by ({by}) (node_cpu_seconds_total{{{sel},mode="idle"}})'
    return f"sum by ({by}) (node_load1{{{sel}}}) / {cores}"


def memory(sel: str, by: str = "ins") -> str:
    """The share of memory that programs can't get."""
    available, total = (f"sum by ({by}) (node_memory_{what}_bytes{{{sel}}})" for what in ("MemAvailable", "MemTotal"))
    return f"1 - {available} / {total}"


def fullest(sel: str, by: str = "ins") -> str:
    """How full the fullest file system is."""
    avail, size = (f"node_filesystem_{what}_bytes{{{sel},{FILE_SYSTEMS}}}" for what in ("avail", "size"))
    return f"max by ({by}) (1 - {avail} / {size})"


def busiest(sel: str, by: str = "ins") -> str:
    """The share of time in which the busiest disk had work."""
    return f"max by ({by}) (rate(node_disk_io_time_seconds_total{{{sel},{DISKS}}}{RATE}))"


def traffic(sel: str, direction: str, by: str = "ins") -> str:
    """Bytes per second, `receive` or `transmit`."""
    return f"sum by ({by}) (rate(node_network_{direction}_bytes_total{{{sel},{CARDS}}}{RATE}))"


def pressure(sel: str, what: str, kind: str = "waiting", by: str = "ins") -> str:
    """The share of time in which something waited for `what` (cpu, io, memory)."""
    return f"max by ({by}) (rate(node_pressure_{what}_{kind}_seconds_total{{{sel}}}{RATE}))"


def uptime(sel: str, by: str = "ins") -> str:
    """Seconds since the host was booted."""
    return f"max by ({by}) (node_time_seconds{{{sel}}} - node_boot_time_seconds{{{sel}}})"
