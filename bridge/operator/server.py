"""The admin socket: who runs the bridge, or is root, may ask it things and tell it things while it works.

A connection is one request and one answer, a line of JSON each: ``{"operation": "status", "arguments": {}}`` gets
``{"ok": true, "answer": …}`` or ``{"ok": false, "problem": "a sentence"}``. Parts of the bridge ``offer`` what they
can be asked. The socket is 0600, and the kernel says who connected: that is the actor whose name is written down.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge.common.unix_socket import listen, peer_of

LARGEST_REQUEST = 1 << 20
"""Bytes."""
LARGEST_ANSWER = 16 << 20
"""Bytes; operations that could say more give it in pages."""
_MOST_CONNECTIONS = 16
_PATIENCE_SECONDS = 5.0
"""For a request to come whole, and for an answer to be taken."""

_BREATH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks."""

    uid: int

    @property
    def name(self) -> str:
        """The user's name, or ``uid 1234`` for one without."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


class RefusedError(Exception):
    """What was asked cannot be done; the text is a sentence for the operator."""


Operation = Callable[[Actor, Mapping[str, object]], object]
"""Does what was asked and returns what JSON can hold. Raises RefusedError. Called from several threads."""


class AdminServer:
    """Listens at ``path`` from its making on, answers once started. Raises SetupError where it cannot listen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._operations: dict[str, Operation] = {}
        self._listener = listen(path)
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._closing = threading.Event()
        self._log = structlog.get_logger("admin")

    def offer(self, name: str, operation: Operation) -> None:
        """Let operators ask for ``operation`` by that name."""
        self._operations[name] = operation

    def start(self) -> None:
        """Answer from now on, in threads of its own."""
        threading.Thread(target=self._serve, name="admin", daemon=True).start()

    def close(self) -> None:
        """Take no more requests, and take the socket away."""
        self._closing.set()
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed, or no descriptor is free
                self._closing.wait(_BREATH_SECONDS)
                continue
            if self._places.acquire(blocking=False):
                threading.Thread(target=self._attend, args=(connection,), name="admin request", daemon=True).start()
            else:
                connection.close()

    def _attend(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):  # whoever hangs up early does not want the answer
                reply = self._reply(connection)
                connection.settimeout(_PATIENCE_SECONDS)
                connection.sendall(reply)
        finally:
            self._places.release()

    def _reply(self, connection: socket.socket) -> bytes:
        peer = peer_of(connection)
        line = _read_line(connection)
        if peer.uid not in {0, os.geteuid()}:
            return _problem("only the user that runs the bridge, and root, may ask it")
        if line is None:
            return _problem(f"a request is one line of JSON, at most {LARGEST_REQUEST} bytes, sent within "
                            f"{_PATIENCE_SECONDS:.0f} s")  # fmt: skip
        return self._answer(Actor(peer.uid), line)

    def _answer(self, actor: Actor, line: bytes) -> bytes:
        request = _request(line)
        if request is None:
            return _problem('a request is {"operation": NAME, "arguments": {…}}')
        name, arguments = request
        operation = self._operations.get(name)
        if operation is None:
            known = ", ".join(sorted(self._operations))
            return _problem(f"this bridge knows no operation `{name[:100]}`; it knows {known}")
        try:
            answer = json.dumps({"ok": True, "answer": operation(actor, arguments)}).encode() + b"\n"
        except RefusedError as refused:
            return _problem(str(refused))
        except Exception:  # noqa: BLE001  # an operation that fails must not end the others
            self._log.exception("operation failed", operation=name, actor=actor.name)
            return _problem(f"the bridge failed at `{name}`; its log says why")
        if len(answer) > LARGEST_ANSWER:
            return _problem(f"the answer to `{name}` is larger than {LARGEST_ANSWER} bytes; ask for less at a time")
        return answer


def _read_line(connection: socket.socket) -> bytes | None:
    """The request without its end; None where it is too large, or takes too long in all."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    line = bytearray()
    while b"\n" not in line:
        left = deadline - time.monotonic()
        if left <= 0 or len(line) > LARGEST_REQUEST:
            return None
        connection.settimeout(left)
        try:
            data = connection.recv(65536)
        except TimeoutError:
            return None
        if not data:
            break
        line += data
    return bytes(line).partition(b"\n")[0]


def _request(line: bytes) -> tuple[str, Mapping[str, object]] | None:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    name, arguments = request.get("operation"), request.get("arguments", {})
    return (name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None


def _problem(sentence: str) -> bytes:
    return json.dumps({"ok": False, "problem": sentence}).encode() + b"\n"
