"""Every error Staddle raises on purpose, in one tree.

    StaddleError                what the user did, or what the machine lacks; printed without a traceback, exit code 1
    ├── InventoryError          the inventory is wrong; carries every problem found, with positions
    ├── CompileError            a valid inventory asks for something that can't be built (should be rare)
    ├── PkiError                the CA or a certificate can't be read, made or trusted
    ├── ProgramError            a packaged program can't be found, fetched, unpacked or run
    ├── SandboxError            the sandbox can't be started, stopped or reached
    │   └── PortInUseError      a port is held by somebody else; says by whom
    ├── FleetError              something about real hosts: one gave no answer, or a run over all of them can't begin
    │   └── DeclinedError       the user was asked, and said no
    ├── ConvergeError           the target could not be brought to its manifest at all (not: one component failed)
    ├── RuleError               alerting rules or their tests are not in order; carries all that is wrong
    ├── AlertmanagerError       Alertmanager does not answer, or not as asked (drive/alerts.py)
    ├── LogStoreError           neither does the log store (drive/logstore.py)
    ├── StoreUnavailableError   one of the stores that slow SQL lies between gives no answer (slowsql/stores.py)
    ├── RepoError               a package repository can't be built, read or trusted (repo/model.py)
    │   ├── ResolutionError     packages that can't be had together; carries every reason (repo/solver/report.py)
    │   └── TransferError       a transfer broke off, or a server can't serve (repo/web.py)
    ├── StoreError              the event store's (store/errors.py): read-only, corrupt, a worker that failed
    ├── FlagError, IngestError  the log server's (logs/errors.py): a bad flag, rows that can't be read
    └── LogsQLError, QueryLimitError  a query that can't be understood (with the position) or afforded (logs/logsql/errors.py)

Low-level errors (OSError, yaml.YAMLError, pydantic.ValidationError, …) are translated at the edge where they arise;
anything else that escapes is a bug and shows its traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.inventory.problems import Problem


class StaddleError(Exception):
    """Base of the tree. `hint` is one line that says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InventoryError(StaddleError):
    """The inventory has at least one problem of severity error. `problems` also holds the warnings, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = sum(problem.is_error for problem in self.problems)
        super().__init__(f"{errors} error{'s' if errors != 1 else ''} in the inventory")


class CompileError(StaddleError):
    """The Fleet can't be compiled to a manifest."""


class PkiError(StaddleError):
    """A key or certificate is missing, unreadable, or does not belong together."""


class ProgramError(StaddleError):
    """A program that a component needs can't be had."""


class SandboxError(StaddleError):
    """The sandbox can't be started, stopped or reached."""


class PortInUseError(SandboxError):
    """At least one port that the sandbox needs is taken."""


class ConvergeError(StaddleError):
    """Convergence could not run; the host is as it was."""


class FleetError(StaddleError):
    """Something about real hosts: one gave no answer, or a run over all of them can't begin."""


class RuleError(StaddleError):
    """Files of alerting rules, or of their tests, are not in order. `problems` has all that is wrong with them."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DeclinedError(FleetError):
    """The user was asked whether to go on, and said no."""
