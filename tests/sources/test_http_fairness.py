"""A hundred Falcos post at once, and one of them floods: the others wait for their share of the work, not for its end."""

from __future__ import annotations

import json
import socket
import threading

from tests.sources.collector import Collector, running
from tests.sources.test_http_source import source

FALCOS = 100
EACH = 5
MOST_BETWEEN = 5000
"""Alerts of the flood that may be committed between a quiet one's post and its answer: a few batches."""


def request(rule: str) -> bytes:
    body = json.dumps({"rule": rule, "time": "2026-01-01T00:00:00Z"}).encode()
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def flood(port: int, stop: threading.Event) -> None:
    """As many as the socket takes, answers unread but for making room."""
    piece = request("flood") * 200
    with socket.create_connection(("127.0.0.1", port)) as connection:
        reader = threading.Thread(target=lambda: [None for _ in iter(lambda: read(connection), b"")], daemon=True)
        reader.start()
        while not stop.is_set():
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)
        reader.join(60)


def read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""


def test_a_flood_does_not_starve_the_others() -> None:
    """Each of a hundred Falcos is answered while it goes on, within a few batches of its own post."""
    made, taken = source(), Collector()
    waits: list[int] = []
    stop = threading.Event()

    def post(number: int) -> None:
        with socket.create_connection(("127.0.0.1", made.port), timeout=60) as connection:
            for _ in range(EACH):
                before = made.state()[0].alerts
                connection.sendall(request(f"r{number}"))
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")
                waits.append(made.state()[0].alerts - before)

    with running(made, taken):
        flooding = threading.Thread(target=flood, args=(made.port, stop), daemon=True)
        flooding.start()
        quiet = [threading.Thread(target=post, args=(number,)) for number in range(FALCOS)]
        for each in quiet:
            each.start()
        for each in quiet:
            each.join(100)
        stop.set()
        flooding.join(60)
    assert len(waits) == FALCOS * EACH
    assert sum(alert.rule == "flood" for alert in taken.alerts) > 1000
    assert max(waits) < MOST_BETWEEN
