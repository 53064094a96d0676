"""Sends syslog messages over TCP, TLS or UDP, and checks their arrival as far as the protocol shows it.

Syslog has no acknowledgement. Over TCP and TLS, messages count as sent when the system of the receiver has acknowledged
every byte and the connection was not reset. Over UDP, they count as sent when they have left.
"""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from bridge.common.files.trust import CONNECT_SECONDS

_MAX_IDLE = 64
_WRITE_SECONDS = 15.0
"""For one batch, until the receiver has acknowledged it."""
_READ_SIZE = 4096
_MOST_READS = 16
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.02
_SHORTEST_ANSWER = 0.25
_INT = struct.Struct("i")


class Transport(Protocol):
    """How the messages of a channel travel."""

    def send(self, messages: Sequence[bytes]) -> None:
        """Send all of them. Raises OSError; some of them may have arrived then."""

    def close(self) -> None:
        """Close the connections."""


class StreamTransport:
    """Connections over TCP, or over TLS where there is a context. Thread-safe."""

    def __init__(
        self,
        address: tuple[str, int],
        frame: Callable[[bytes], bytes],
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """``frame`` marks where a message ends."""
        self._address = address
        self._frame = frame
        self._context = context
        self._idle: deque[_Connection] = deque(maxlen=_MAX_IDLE)

    def send(self, messages: Sequence[bytes]) -> None:
        """Write them to an idle connection that the receiver has not closed, or to a new one."""
        data = b"".join(map(self._frame, messages))
        connection = self._connection()
        try:
            is_open = connection.write(data)
        except BaseException:
            connection.close()
            raise
        if is_open:
            self._idle.append(connection)
        else:
            connection.close()

    def _connection(self) -> _Connection:
        context = None if self._context is None else self._context()
        while self._idle:
            try:
                idle = self._idle.pop()
            except IndexError:  # another thread took it
                break
            if idle.context is context and idle.is_open():
                return idle
            idle.close()
        return _Connection(self._address, context)

    def close(self) -> None:
        """Close every idle connection."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()


class _Connection:
    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None) -> None:
        self.context = context
        started = time.monotonic()
        self._socket = socket.create_connection(address, CONNECT_SECONDS)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=address[0])
                self._await_verdict(2 * (time.monotonic() - started))
        except BaseException:
            self._socket.close()
            raise

    def _await_verdict(self, seconds: float) -> None:
        """Wait for the server's first bytes: in TLS 1.3 it refuses a client's certificate after the handshake.

        Most servers send session tickets then. One that sends nothing costs the time of two round trips, once.
        """
        assert isinstance(self._socket, ssl.SSLSocket)
        if self._socket.version() == "TLSv1.3":
            select.select([self._socket], [], [], max(seconds, _SHORTEST_ANSWER))
            self._read()

    def is_open(self) -> bool:
        """Whether the receiver has neither closed nor reset the connection."""
        try:
            return self._read()
        except OSError:
            return False

    def write(self, data: bytes) -> bool:
        """Write and wait until the receiver's system has acknowledged every byte.

        Returns whether the connection can be used again: a receiver may close it when it has read everything. Raises
        OSError, also if it was reset, which happens to data that the receiver has not read.
        """
        deadline = time.monotonic() + _WRITE_SECONDS
        self._socket.settimeout(_WRITE_SECONDS)
        self._socket.sendall(data)
        pause = _FIRST_PAUSE
        while self._unacknowledged():
            self._read()  # a reset leaves them unacknowledged
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return self._read()

    def _unacknowledged(self) -> int:
        """Bytes that were written and that the other system has not acknowledged."""
        answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
        return int(_INT.unpack(answer)[0])

    def _read(self) -> bool:
        """Drop what the receiver sent; return False where it closed the connection. Raises OSError for a reset."""
        self._socket.settimeout(0)
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            for _ in range(_MOST_READS):
                if not self._socket.recv(_READ_SIZE):
                    return False
        return True

    def close(self) -> None:
        self._socket.close()


class DatagramTransport:
    """One datagram for each message. What the network or the receiver drops is lost without a notice."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def send(self, messages: Sequence[bytes]) -> None:
        """Send them. Raises OSError, also where the receiver's system has answered that nothing listens."""
        family, kind, protocol, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as sender:
            sender.settimeout(_WRITE_SECONDS)
            sender.connect(address)
            for message in messages:
                sender.send(message)
            sender.settimeout(0)
            with suppress(BlockingIOError):
                sender.recv(_READ_SIZE)

    def close(self) -> None:
        """Nothing to close."""
