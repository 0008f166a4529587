"""Real Debian hosts with systemd, booted in seconds in an isolated network on this machine. See docs/lab.md."""

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.spec import CommandFailedError, HostSpec, LabError, LabUnavailableError

__all__ = ["CommandFailedError", "Host", "HostSpec", "Lab", "LabError", "LabUnavailableError"]
