"""A simulated Falco's gRPC server: real protocol, recorded bytes, one shared queue.

Responses are handed over as they are, without a serialiser between: what was recorded goes out byte for byte, invalid
UTF-8 included. Streams are in ``streams``.
"""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from bridge.alert.wire import methods, version_pb2
from bridge.simulate.address import StandInTls, socket_path
from bridge.simulate.errors import SimulationError
from bridge.simulate.queue import SharedQueue
from bridge.simulate.streams import Streams

FALCO_VERSION = (0, 43, 1)
"""The last line of Falco with gRPC outputs; the one whose behaviour this is."""

_MAX_STREAMS = 64
_FLUSH_SECONDS = 2.0
_STOP_SECONDS = 2.0
_SOCKET_MODE = 0o755


class StandInFalco:
    """Serves queued alerts as Falco 0.43 does; a context manager that listens while it is entered.

    ``address`` is ``unix:PATH`` (a stale socket is replaced, mode 0755) or ``HOST:PORT`` with ``tls``, for Falco serves
    TCP with mutual TLS only; port 0 chooses one. ``outputs=False`` is a Falco that has no outputs service.
    """

    def __init__(self, address: str, tls: StandInTls | None = None, *, outputs: bool = True) -> None:
        self.address = address
        self._tls = tls
        self._outputs = outputs
        self._queue = SharedQueue()
        self._aborted = threading.Event()
        self._streams = Streams(self._queue, self._abort)
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Listen; ``address`` then holds the port that was chosen. Raises SimulationError where it cannot."""
        pool = ThreadPoolExecutor(_MAX_STREAMS, thread_name_prefix="simulated falco")
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(tuple(self._services()))
        path = socket_path(self.address)
        if path is None:
            self.address = self._bind_tcp(server)
        else:
            _bind_socket(server, path)
        server.start()
        self._server = server

    def put(self, *alerts: bytes) -> None:
        """Queue alerts for whichever client asks first: raw ``falco.outputs.response`` messages."""
        self._queue.put(alerts)

    def stop(self, seconds: float | None = None) -> bool:
        """Stop as Falco does: streams write what they have popped and end with OK; what is queued is gone.

        An idle ``sub`` keeps it from stopping, for ever if need be: returns False if one is open after ``seconds``
        (then stop again, or ``abort``). Returns True once it has stopped, also if it ``aborted``.
        """
        self._streams.stop()
        if not self._streams.wait_until_closed(seconds):
            return False
        if self._server is not None:
            self._server.stop(_FLUSH_SECONDS).wait()
        return True

    def abort(self) -> None:
        """Drop every connection at once, as a crash would."""
        self._streams.stop()
        if self._server is not None:
            self._server.stop(None).wait()

    def wait_until_drained(self, seconds: float | None = None) -> bool:
        """Wait until clients have taken every queued alert off the server; whether that came in time."""
        return self._queue.wait_until_drained(seconds)

    @property
    def pending(self) -> int:
        """How many alerts no client has taken."""
        return self._queue.pending

    @property
    def popped(self) -> int:
        """How many alerts clients have taken, whether or not they read them."""
        return self._queue.popped

    @property
    def lost(self) -> int:
        """How many alerts were popped for clients that cancelled or died before reading them."""
        return self._queue.lost

    @property
    def open_streams(self) -> int:
        """How many calls of ``get`` and ``sub`` are open."""
        return self._streams.open

    @property
    def aborted(self) -> bool:
        """Whether a request on an idle ``sub`` came during the stop, at which Falco aborts."""
        return self._aborted.is_set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.stop(_STOP_SECONDS):
            self.abort()

    def _abort(self) -> None:
        self._aborted.set()
        if self._server is not None:
            self._server.stop(None)

    def _services(self) -> list[grpc.GenericRpcHandler]:
        version: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            _method(methods.VERSION): grpc.unary_unary_rpc_method_handler(_version)
        }
        services = [grpc.method_handlers_generic_handler(_service(methods.VERSION), version)]
        if self._outputs:
            outputs: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
                _method(methods.GET): grpc.unary_stream_rpc_method_handler(self._streams.get),
                _method(methods.SUB): grpc.stream_stream_rpc_method_handler(self._streams.sub),
            }
            services.append(grpc.method_handlers_generic_handler(_service(methods.GET), outputs))
        return services

    def _bind_tcp(self, server: grpc.Server) -> str:
        if self._tls is None:
            raise SimulationError(
                f"{self.address}: Falco serves TCP with mutual TLS only. "
                "Give --ca, --cert and --key, or listen on a unix socket: unix:/tmp/falco.sock"
            )
        credentials = _credentials(self._tls)
        try:
            port = server.add_secure_port(self.address, credentials)
        except RuntimeError:
            port = 0
        if not port:
            raise SimulationError(
                f"{self.address}: cannot listen there; is the port taken, or the host not this one's?"
            )
        return f"{self.address.rpartition(':')[0]}:{port}"


def _bind_socket(server: grpc.Server, path: Path) -> None:
    if path.exists() and not path.is_socket():
        raise SimulationError(f"{path}: a file that is no socket is in the way; choose another path or remove it")
    # gRPC removes a stale socket, and also a live one, as Falco does.
    with suppress(FileNotFoundError):
        path.unlink()
    try:
        server.add_insecure_port(f"unix:{path}")
        path.chmod(_SOCKET_MODE)
    except (RuntimeError, OSError):
        raise SimulationError(
            f"unix:{path}: cannot listen there; does the folder exist, and may you write to it?"
        ) from None


def _credentials(tls: StandInTls) -> grpc.ServerCredentials:
    try:
        ca, certificate, key = (path.read_bytes() for path in (tls.ca, tls.certificate, tls.key))
    except OSError as error:
        raise SimulationError(f"{error.filename}: cannot be read ({error.strerror}); name a PEM file") from None
    try:
        # gRPC would only say that it cannot listen.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=lambda: "")
    except OSError as error:  # ssl.SSLError is one
        raise SimulationError(
            f"{tls.certificate}, {tls.key}: cannot be used ({error.strerror or error}); "
            "name PEM files that belong together, the key without a passphrase"
        ) from None
    return grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)


def _version(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    major, minor, patch = FALCO_VERSION
    text = f"{major}.{minor}.{patch}"
    return version_pb2.response(version=text, major=major, minor=minor, patch=patch).SerializeToString()


def _service(path: str) -> str:
    return path.strip("/").partition("/")[0]


def _method(path: str) -> str:
    return path.strip("/").partition("/")[2]
