"""A service as a systemd unit: confined to what it needs, with its flags in an environment file.

Units of our own go to /etc/systemd/system. A unit that the distribution's package brings is never edited: it gets a
drop-in, which replaces how the program is started and adds limits to what it may do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from staddle.components.base import Confinement, ServiceSpec
    from staddle.manifest.layout import Layout

UNITS = "/etc/systemd/system"
DEFAULTS = "/etc/default"
DROP_IN = "50-staddle.conf"
NULL = "/dev/null"

_FOR_ALL = (
    ("NoNewPrivileges", "yes"),
    ("PrivateMounts", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("RemoveIPC", "yes"),
    ("KeyringMode", "private"),
    ("SystemCallArchitectures", "native"),
)


_LISTS = (
    *("PIDFile", "EnvironmentFile", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop"),
    *("CapabilityBoundingSet", "AmbientCapabilities", "SystemCallFilter", "RestrictAddressFamilies", "ReadWritePaths"),
)


def unit_name(spec: ServiceSpec) -> str:
    """Without `.service`."""
    return spec.unit or spec.name


def mask_path(layout: Layout, name: str) -> str:
    """The link that keeps a unit from being started by anybody."""
    return f"{layout.at(UNITS)}/{name}.service"


def definition_path(layout: Layout, spec: ServiceSpec) -> str:
    """The file that `definition` is the content of."""
    name = unit_name(spec)
    if spec.packaged_unit:
        return f"{layout.at(UNITS)}/{name}.service.d/{DROP_IN}"
    return f"{layout.at(UNITS)}/{name}.service"


def options_path(layout: Layout, spec: ServiceSpec) -> str:
    """The environment file with the program's flags."""
    return f"{layout.at(DEFAULTS)}/{unit_name(spec)}"


def options_variable(spec: ServiceSpec) -> str:
    return f"{unit_name(spec).upper().replace('-', '_')}_OPTS"


def options(spec: ServiceSpec, note: str) -> bytes:
    """The environment file: one variable, which the unit splits into words again."""
    words = " ".join(_word(word) for word in spec.argv[1:])
    escaped = "".join(f"\\{c}" if c in '\\"`$' else c for c in words)
    return f'# {note}\n{options_variable(spec)}="{escaped}"\n'.encode()


def definition(spec: ServiceSpec, title: str, note: str) -> bytes:
    """The unit, or the drop-in for the distribution's own."""
    lines = [f"# {note}"]
    if not spec.packaged_unit:
        lines += [
            "[Unit]",
            f"Description={title} (Staddle)",
            "After=network-online.target",
            "Wants=network-online.target",
        ]
    else:
        lines += ["[Unit]"]
        # Their own limits on starts, and conditions that the layout has looked at already, don't apply.
        lines += ["ConditionCapability="] if not spec.confinement.clock else []
    lines += ["# It goes on trying for ever, at intervals.", "StartLimitIntervalSec=0", "", "[Service]"]
    lines += [f"{key}={value}" for key, value in _service(spec)]
    if not spec.packaged_unit:
        lines += ["", "[Install]", "WantedBy=multi-user.target"]
    return ("\n".join(lines) + "\n").encode()


def task(title: str, argv: tuple[str, ...], confinement: Confinement, note: str) -> bytes:
    """A unit that runs a program to its end, for a timer to start."""
    lines = [f"# {note}", "[Unit]", f"Description={title} (Staddle)", "After=network-online.target"]
    lines += ["Wants=network-online.target", "", "[Service]", "Type=oneshot"]
    lines += [f"ExecStart={' '.join(_word(word) for word in argv)}"]
    lines += [f"{key}={value}" for key, value in _confined(confinement)]
    return ("\n".join(lines) + "\n").encode()


def timer(title: str, calendar: str, spread: str, note: str) -> bytes:
    """When the task of the same name is run: at these times, and up to `spread` later, so that hosts take turns."""
    lines = [f"# {note}", "[Unit]", f"Description={title} (Staddle)", "", "[Timer]", f"OnCalendar={calendar}"]
    lines += [f"RandomizedDelaySec={spread}", "Persistent=true", "", "[Install]", "WantedBy=timers.target"]
    return ("\n".join(lines) + "\n").encode()


def _service(spec: ServiceSpec) -> Iterable[tuple[str, str]]:
    confinement = spec.confinement
    yield "Type", "exec"
    if spec.packaged_unit:
        # Lists are emptied first: what is set after that is all there is.
        for key in _LISTS:
            yield key, ""
    if confinement.user:
        yield "User", confinement.user
        yield "Group", confinement.group or confinement.user
    for key, value in sorted(spec.environment.items()):
        yield "Environment", _quoted(f"{key}={value}")
    yield "EnvironmentFile", f"{DEFAULTS}/{unit_name(spec)}"
    yield "ExecStart", f"{spec.argv[0]} ${options_variable(spec)}"
    if spec.reload_signal:
        yield "ExecReload", f"/bin/kill -s {spec.reload_signal} $MAINPID"
    if confinement.stop_signal != "TERM":
        yield "KillSignal", f"SIG{confinement.stop_signal}"
    if spec.directory and confinement.directory:
        yield "WorkingDirectory", spec.directory
    yield "Restart", "always"
    yield "RestartSec", "2s"
    yield "TimeoutStopSec", f"{round(spec.stop_timeout)}s"
    yield "LimitNOFILE", str(confinement.open_files)
    yield "MemoryMax", f"{confinement.memory}%"
    yield "TasksMax", "4096"
    if confinement.runtime:
        yield "RuntimeDirectory", confinement.runtime
        yield "RuntimeDirectoryMode", "0750"
    yield from _confined(confinement)


def _confined(confinement: Confinement) -> Iterable[tuple[str, str]]:
    skipped = set(confinement.without)
    yield "ProtectSystem", confinement.system
    for key, value in _FOR_ALL:
        if key not in skipped:
            yield key, value
    yield "UMask", confinement.umask
    yield "ProtectHome", "read-only" if confinement.sees_host else "yes"
    yield "ProtectProc", "default" if confinement.sees_host else "invisible"
    yield "ProcSubset", "all" if confinement.sees_host else "pid"
    if not confinement.clock or confinement.touches_clock:
        yield "ProtectClock", "no"
    else:
        yield "ProtectClock", "yes"
    if confinement.user and not confinement.capabilities and not confinement.sees_host:
        yield "PrivateUsers", "yes"
    if confinement.user:
        yield "AmbientCapabilities", " ".join(confinement.capabilities)
    yield "CapabilityBoundingSet", " ".join(confinement.capabilities)
    yield "RestrictAddressFamilies", " ".join(confinement.families)
    yield "SystemCallFilter", " ".join(("@system-service", *confinement.calls))
    # Programs that drop privileges by themselves have to be allowed to.
    drops = confinement.capabilities and not confinement.user
    refused = [*([] if drops else ["@privileged"]), *([] if confinement.resources else ["@resources"])]
    if refused:
        yield "SystemCallFilter", f"~{' '.join(refused)}"
    if confinement.calls:
        yield "SystemCallFilter", " ".join(confinement.calls)
    yield "SystemCallErrorNumber", "EPERM"
    if confinement.writes:
        yield "ReadWritePaths", " ".join(_quoted(path) for path in confinement.writes)


def _word(word: str) -> str:
    """One word of a line that systemd splits at white space, quotes understood."""
    if word and all(c.isalnum() or c in "-_./=:,@%+*[]{}()<>!?^~|&;" for c in word):
        return word
    return _quoted(word)


def _quoted(word: str) -> str:
    if word and not any(c.isspace() or c in "\\\"'$" for c in word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
