"""`staddle-traces`: the trace store as a program of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from staddle.logs.program import Program, run
from staddle.traces.app import App
from staddle.traces.names import DERIVED, SPANS
from staddle.traces.red import SpanMetrics
from staddle.traces.settings import FLAGS, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.flags import Flags
    from staddle.logs.program import Listener


def _listen(flags: Flags, app: App) -> Sequence[Listener]:
    if not flags["otlpGRPCListenAddr"]:
        return ()
    from staddle.traces.otlp_grpc import GrpcListener  # noqa: PLC0415 (only for who asks for it)

    return (GrpcListener(flags, app),)


PROGRAM = Program(
    "staddle-traces",
    USAGE,
    FLAGS,
    App,
    prefix="vt",
    codec=SPANS,
    # Spans take many times as much memory while they are converted.
    segment_bytes=16 << 20,
    derived=DERIVED,
    listen=_listen,
    facts=lambda flags: SpanMetrics(flags["spanmetrics.maxOperations"]),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    return run(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
