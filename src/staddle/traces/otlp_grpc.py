"""OTLP over gRPC: the service `TraceService/Export`. Needs grpcio, the extra `grpc`.

Requests and answers are passed as bytes: what is in them is the business of `layout` and `otlp`.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.logs.errors import FlagError, IngestError
from staddle.logs.http.body import BytesBody
from staddle.logs.http.errors import HTTPError
from staddle.logs.http.messages import Request
from staddle.logs.insert.params import common_params
from staddle.traces.otlp import span_params, store, success

if TYPE_CHECKING:
    from staddle.logs.flags import Flags
    from staddle.traces.app import App

log = logging.getLogger(__name__)

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
THREADS = 8


class GrpcListener:
    """Takes spans in until it is closed."""

    def __init__(self, flags: Flags, app: App) -> None:
        """Listen. Raises FlagError when it can't."""
        try:
            import grpc  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise FlagError("-otlpGRPCListenAddr needs grpcio: pip install 'staddle[grpc]'") from error
        self._grpc = grpc
        self._app = app
        limit = int(flags["opentelemetry.traces.maxRequestSize"])
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="grpc"),
            options=[("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", 0)],
        )
        method = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": method}),))
        address = flags["otlpGRPCListenAddr"]
        listen = f"0.0.0.0{address}" if address.startswith(":") else address  # noqa: S104 (as asked)
        try:
            if flags["otlpGRPC.tls"]:
                pair = Path(flags["tlsKeyFile"]).read_bytes(), Path(flags["tlsCertFile"]).read_bytes()
                self.port = self._server.add_secure_port(listen, grpc.ssl_server_credentials([pair]))
            else:
                self.port = self._server.add_insecure_port(listen)
        except (RuntimeError, OSError) as error:
            raise FlagError(f"cannot listen on -otlpGRPCListenAddr={address}: {error}") from error
        self._server.start()
        log.info("serving OTLP over gRPC on %s (port %d)", address, self.port)

    def _export(self, body: bytes, context: Any) -> bytes:
        codes = self._grpc.StatusCode
        headers = {key.lower(): value for key, value in context.invocation_metadata() if isinstance(value, str)}
        try:
            return self._take(body, headers)
        except IngestError as error:
            context.abort(codes.INVALID_ARGUMENT, f"cannot read OpenTelemetry protocol data: {error}")
        except HTTPError as error:
            known = {401: codes.UNAUTHENTICATED, 429: codes.RESOURCE_EXHAUSTED, 503: codes.UNAVAILABLE}
            context.abort(known.get(error.status, codes.INVALID_ARGUMENT), error.message)
        raise AssertionError("abort raises")

    def _take(self, body: bytes, headers: dict[str, str]) -> bytes:
        app = self._app
        if app.flags["insert.disable"]:
            raise HTTPError(400, "inserts are disabled with -insert.disable command-line flag")
        app.check_login(headers)
        params = span_params(common_params(Request("POST", "/", headers, BytesBody(b"")), app.defaults))
        return success(store(body, "opentelemetry_grpc", params, app.sink))

    def close(self) -> None:
        """Take nothing more; what is under way is finished."""
        self._server.stop(5).wait()
