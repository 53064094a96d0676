"""``python -m bench.lean_falco SOCKET COUNT RATE``: a Falco that costs next to nothing and offers its alerts evenly.

Falco is a C++ program; the simulated one is written in Python, needs 50 µs for a message, and competes with the router
for two cores. This one writes prepared HTTP/2 frames: all that is due when ``get`` is called, at once. It understands
what gRPC's client sends on one connection, and nothing else. The first alert is offered when the first ``get`` comes.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence

from bridge.simulate.generate import generate
from bridge.simulate.recording import Form

_PREFACE_BYTES = 24
_FRAME_HEAD = struct.Struct(">HBBBI")
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_ACK, _END_STREAM, _END_HEADERS = 0x1, 0x1, 0x4
_INITIAL_WINDOW = 4
_WINDOW = 65_535
_RESPONSE = b"\x88\x0f\x10\x10application/grpc"
"""HPACK: status 200 and the content type."""
_OK, _UNIMPLEMENTED = b"\x00\x0bgrpc-status\x010", b"\x88\x0f\x10\x10application/grpc\x00\x0bgrpc-status\x0212"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """An HTTP/2 frame (RFC 9113, section 4.1)."""
    return _FRAME_HEAD.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


class LeanFalco:
    """Serves one connection."""

    def __init__(self, connection: socket.socket, alerts: Sequence[bytes], rate: float) -> None:
        self._connection = connection
        self._alerts = [struct.pack(">BI", 0, len(each)) + each for each in alerts]
        self._rate = rate
        self._sent = 0
        self._started = 0.0
        self._window = self._stream_window = _WINDOW
        self._unread = bytearray()

    def serve(self) -> None:
        """Answer until the client disconnects."""
        self._connection.sendall(frame(_SETTINGS, 0, 0))
        self._receive(_PREFACE_BYTES)
        del self._unread[:_PREFACE_BYTES]
        for kind, flags, stream, payload in self._frames():
            if kind == _SETTINGS and not flags & _ACK:
                self._apply(payload)
                self._connection.sendall(frame(_SETTINGS, _ACK, 0))
            elif kind == _PING and not flags & _ACK:
                self._connection.sendall(frame(_PING, _ACK, 0, payload))
            elif kind == _WINDOW_UPDATE and stream == 0:
                self._window += int.from_bytes(payload, "big")
            elif kind == _HEADERS and b"version" in payload:
                self._connection.sendall(frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _UNIMPLEMENTED))
            elif kind == _HEADERS:
                self._get(stream)

    def _get(self, stream: int) -> None:
        """What is due, as far as both windows allow; the rest at the next call."""
        now = time.monotonic()
        self._started = self._started or now
        due = min(int((now - self._started) * self._rate) + 1, len(self._alerts))
        frames, room = [frame(_HEADERS, _END_HEADERS, stream, _RESPONSE)], min(self._window, self._stream_window)
        for alert in self._alerts[self._sent : due]:
            if len(alert) > room:
                break
            room -= len(alert)
            self._window -= len(alert)
            self._sent += 1
            frames.append(frame(_DATA, 0, stream, alert))
        frames.append(frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _OK))
        self._connection.sendall(b"".join(frames))

    def _apply(self, settings: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", settings):
            if name == _INITIAL_WINDOW:
                self._stream_window = value

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        while True:
            if not self._receive(9):
                return
            high, low, kind, flags, stream = _FRAME_HEAD.unpack_from(self._unread)
            end = 9 + (high << 8 | low)
            if not self._receive(end):
                return
            payload = bytes(self._unread[9:end])
            del self._unread[:end]
            yield kind, flags, stream, payload

    def _receive(self, count: int) -> bool:
        """Receive until so many bytes are unread. Returns False where the client has disconnected."""
        while len(self._unread) < count:
            received = self._connection.recv(65_536)
            if not received:
                return False
            self._unread += received
        return True


def main() -> None:
    """Generate the alerts, then serve every connection."""
    alerts = [alert.grpc(Form.TEXT) for alert in generate(int(sys.argv[2]), seed=1)]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                LeanFalco(connection, alerts, float(sys.argv[3])).serve()


if __name__ == "__main__":
    main()
