"""The console's process: listens, and serves until it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence

from bridge.common.unix_socket import UnixListener
from bridge.console.app import Console, console_app
from bridge.operator.serving.connection import Caller, ServedSockets
from bridge.operator.serving.server import OperatorServer

_NICENESS = 10
"""The bridge comes first."""


def serve(console: Console, listening: Sequence[socket.socket], ready: Callable[[], None]) -> None:
    """Serve on these sockets until SIGINT or SIGTERM. Calls ``ready`` once visitors are answered."""
    os.nice(_NICENESS)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    served = ServedSockets(listening, console_app(console), allows=_allows(console))
    server = OperatorServer([served])
    server.start()
    ready()
    stopped.wait()
    server.close()


def serve_unix(console: Console, listener: UnixListener, ready: Callable[[], None]) -> None:
    """As ``serve``, on a unix socket, whose path is removed at the end."""
    try:
        serve(console, [listener.socket], ready)
    finally:
        listener.close()


def _allows(console: Console) -> Callable[[Caller], bool]:
    """On a unix socket only the user that runs the console, and root."""
    if console.access.token:
        return lambda _caller: True
    return lambda caller: caller.uid in {0, os.geteuid()}
