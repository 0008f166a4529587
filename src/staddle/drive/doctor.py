"""What is wrong, why, and what to do about it: findings made of what a host (`converge/checkup.py`) and the ADMIN node see.

Pure, but for `look_at_admin`. Every finding names its remedy: a command, or a runbook.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from staddle.alerting.catalogue import runbooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from staddle.inventory.secrets import WeakSecret

Severity = Literal["error", "warning"]

DISK_FULL, DISK_FILLING = 0.95, 0.85
CLOCK_WRONG, CLOCK_OFF = 30.0, 1.0
"""Seconds. Certificates can live with less than the first, finding out what came before what with less than the second."""
LEAF_DAYS, CA_DAYS = 14, 180
"""How long before its end a certificate is spoken of. A new CA must be brought to everybody who trusts the old one."""
_LISTED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `about` is the component, file or unit; `details` are lines, such as the end of a log.

    `host` is empty for what concerns the fleet as a whole. `runbook` is the name of one, if there is one.
    """

    check: str
    severity: Severity
    host: str
    about: str
    what: str
    remedy: str
    details: tuple[str, ...] = ()
    runbook: str | None = None

    def __str__(self) -> str:
        return f"{self.severity}: {self.what} ({self.remedy})"

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "details": list(self.details)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Finding:
        """The inverse of `to_data`."""
        return cls(**{**data, "details": tuple(data["details"])})


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a host's clock is ahead of ours, in seconds, and how wrong that may be."""

    offset: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Remedies:
    """The commands that mend things where the host is: in a fleet, or in a sandbox."""

    apply: Callable[[str], str]
    restart: Callable[[str], str]
    log: Callable[[str], str]


def in_fleet(host: str) -> Remedies:
    return Remedies(
        apply=lambda tags: f"staddle apply -l {host}" + (f" -t {tags}" if tags else ""),
        restart=lambda unit: f"on the host: systemctl restart {unit}",
        log=lambda unit: f"on the host: journalctl -u {unit}",
    )


IN_SANDBOX = Remedies(
    apply=lambda _tags: "staddle up",
    restart=lambda name: f"staddle restart {name}",
    log=lambda name: f"staddle logs {name}",
)


def clock(began: float, there: float, ended: float) -> Clock:
    """Of one question and its answer: the host told its time somewhere between our two."""
    return Clock(there - (began + ended) / 2, (ended - began) / 2)


def judge(host: str, seen: Mapping[str, Any], now: dt.datetime, remedies: Remedies | None = None) -> list[Finding]:
    """Everything that is wrong with a host, the worst first. `seen` is what its checkup says, with a `clock`."""
    do = remedies or in_fleet(host)
    if not seen["installed"]:
        return [Finding("installed", "error", host, "", "nothing is installed here", do.apply(""))]
    found = [
        *_services(host, seen["services"], do),
        *_interrupted(host, seen["interrupted"], do),
        *_disks(host, seen["disks"]),
        *_certificates(host, seen["certificates"], now, do),
        *_clock(host, seen.get("clock"), seen["synchronized"], do),
        *_alerts(seen["alerts"]),
        *_units(host, seen["units"]),
        *_drift(host, seen["drift"], do),
        *_reboot(host, seen["reboot"]),
    ]
    return sorted(found, key=lambda finding: finding.severity)


def unreachable(host: str, reason: str) -> Finding:
    """Of a host that gave no answer."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    remedy = (
        f"see that it is on and that `ssh` gets there; if it is gone for good: delete {host} from the inventory, apply"
    )
    return Finding("reachable", "error", host, "ssh", "the host gives no answer", remedy, tuple(lines), "NodeDown")


def look_at_admin(admin: Path, weak: Iterable[WeakSecret], now: dt.datetime) -> list[Finding]:
    """What concerns the fleet as a whole: the CA, and passwords that everybody knows. `admin` is the ADMIN node's files."""
    found = [
        Finding(
            "password", "error", "", secret.path, f"{secret.path} is a password that everybody knows",
            "set one of your own in the inventory (`staddle init` generates some), then staddle apply",
        )
        for secret in weak
        if secret.ours
    ]  # fmt: skip
    file = admin / "pki/ca/ca.crt"
    if not file.exists():
        return found
    for certificate in _read(file.read_bytes()):
        left = certificate.not_valid_after_utc - now
        if left < dt.timedelta(days=CA_DAYS):
            what = f"the CA certificate {_subject(certificate)} {_ends(certificate, now)}"
            remedy = (
                f"put a new ca.key and ca.crt into {file.parent}, then staddle apply; all certificates are issued anew"
            )
            severity: Severity = "error" if left < dt.timedelta(days=LEAF_DAYS) else "warning"
            found.append(Finding("ca", severity, "", str(file), what, remedy))
    return found


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Without what several INFRA nodes say alike."""
    return list({(f.check, f.host, f.about, f.runbook): f for f in findings}.values())


def _services(host: str, services: Iterable[Mapping[str, Any]], do: Remedies) -> Iterator[Finding]:
    for item in services:
        name, component = item["service"], item["component"]
        if not item["healthy"]:
            what = f"{component} is {'not healthy' if item['running'] else 'not running'}: {item['reason']}"
            remedy = do.restart(name) if item["running"] else do.apply(component)
            if item["port"]:
                what += f"; port {item['port']['number']} is held by {item['port']['holder']}"
                remedy = f"end that, or give {component} another port in the inventory; then {do.apply(component)}"
            yield Finding("service", "error", host, component, what, f"{remedy} ({do.log(name)})", tuple(item["log"]))
        elif item["outdated"]:
            what = f"{component} still runs a program that was replaced since (an upgrade)"
            yield Finding("restart", "warning", host, component, what, do.restart(name))


def _interrupted(host: str, components: Iterable[str], do: Remedies) -> Iterator[Finding]:
    for name in components:
        yield Finding("interrupted", "warning", host, name, f"a change of {name} was interrupted", do.apply(""))


def _disks(host: str, disks: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for disk in disks:
        for share, thing in ((disk["full"], "space"), (disk["inodes"], "inodes")):
            if share >= DISK_FILLING:
                what = f"{share:.0%} of the {thing} of {disk['path']} is used, {disk['free'] / 2**30:.1f} GB are left"
                remedy = "free or add some, or keep less: -retentionPeriod in vmetrics_options and vlogs_options"
                yield Finding("disk", "error" if share >= DISK_FULL else "warning", host, disk["path"], what, remedy)


def _certificates(
    host: str, certificates: Iterable[Mapping[str, Any]], now: dt.datetime, do: Remedies
) -> Iterator[Finding]:
    for item in certificates:
        try:
            leaf, *_ = _read(item["pem"].encode())
        except ValueError:
            remedy = do.apply(item["component"])
            yield Finding("certificate", "error", host, item["path"], f"{item['path']} is not a certificate", remedy)
            continue
        # The CA's own is looked at where it is kept.
        if not _is_ca(leaf) and leaf.not_valid_after_utc - now < dt.timedelta(days=LEAF_DAYS):
            severity: Severity = "error" if leaf.not_valid_after_utc - now < dt.timedelta(days=2) else "warning"
            what = f"the certificate of {item['component']} {_ends(leaf, now)}"
            yield Finding(
                "certificate", severity, host, item["path"], what, do.apply("cert"), (), "CertificateExpiresSoon"
            )


def _clock(host: str, offset: Clock | None, synchronized: bool | None, do: Remedies) -> Iterator[Finding]:
    remedy = f"on the host: chronyc tracking (or timedatectl); {do.apply('ntp_client,chronyd')}"
    sure = abs(offset.offset) - offset.uncertainty if offset else 0.0
    if offset and sure > CLOCK_OFF:
        way = "ahead of" if offset.offset > 0 else "behind"
        what = f"its clock is {_span(abs(offset.offset))} {way} this machine's"
        yield Finding("clock", "error" if sure > CLOCK_WRONG else "warning", host, "clock", what, remedy)
    elif synchronized is False:
        yield Finding("clock", "warning", host, "clock", "its clock follows no other", remedy)


def _alerts(alerts: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Those that fire: dead targets, growing queues, failing notifications, …; of a host, by its label."""
    for alert in alerts:
        labels, notes = alert["labels"], alert["annotations"]
        name = str(alert.get("name") or labels.get("alertname", ""))
        severity = str(labels.get("severity", "")).upper()
        if alert["state"] != "firing" or severity in {"INFO", "NONE", ""}:
            continue
        runbook = name if name in _runbooks() else None
        url = notes.get("runbook_url")
        remedy = f"runbook {name}" if runbook else str(url or "look at the rule on the portal's page of rules")
        what = f"alert {name}: {notes.get('summary') or labels.get('ins', '')}"
        about = str(labels.get("ins") or labels.get("instance") or name)
        error = severity in {"CRIT", "CRITICAL", "ERROR", "PAGE"}
        yield Finding(
            "alert", "error" if error else "warning", str(labels.get("ip", "")), about, what, remedy, (), runbook
        )


@cache
def _runbooks() -> frozenset[str]:
    return frozenset(runbooks(""))


def _units(host: str, units: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for item in units:
        unit = item["unit"]
        remedy = f"on the host: systemctl status {unit}; once it is mended: systemctl reset-failed {unit}"
        what = f"{unit} has failed (it is not Staddle's)"
        yield Finding("unit", "warning", host, unit, what, remedy, tuple(item["log"]))


def _drift(host: str, found: list[Mapping[str, Any]] | str, do: Remedies) -> Iterator[Finding]:
    if isinstance(found, str):
        yield Finding("drift", "warning", host, "", f"it can't be said what was changed by hand: {found}", "try again")
    elif found:
        lines = [f"{item['path']}: {item['note']}" for item in found]
        more = [f"… and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
        what = f"{len(lines)} thing{'s' if len(lines) > 1 else ''} changed since the last apply"
        details = (*lines[:_LISTED], *more)
        yield Finding(
            "drift",
            "warning",
            host,
            str(found[0]["path"]),
            what,
            f"{do.apply('')} puts back what the inventory says",
            details,
        )


def _reboot(host: str, packages: list[str] | None) -> Iterator[Finding]:
    if packages is not None:
        why = f" for {', '.join(packages[:_LISTED])}" if packages else ""
        yield Finding("reboot", "warning", host, "", f"it wants to be restarted{why}", "on the host: systemctl reboot")


def _read(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _subject(certificate: x509.Certificate) -> str:
    digest = certificate.fingerprint(hashes.SHA256()).hex()[:8]
    return f"{certificate.subject.rfc4514_string()} ({digest}…)"


def _ends(certificate: x509.Certificate, now: dt.datetime) -> str:
    end = certificate.not_valid_after_utc
    if end <= now:
        return f"has expired on {end:%Y-%m-%d}"
    return f"expires in {_span((end - now).total_seconds())} ({end:%Y-%m-%d})"


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"
