"""``python -m bench.floor FILE``: the least that a durable intake in Python costs; prints its port first.

asyncio, httptools and orjson; each loop turn's bodies are appended to FILE with one write and one fdatasync, then
answered. No matching, no deduplication, no bounds.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import httptools
import orjson

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _Log:
    """Gathers what came in one turn of the loop, and writes it as one."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._loop = asyncio.get_running_loop()
        self._bodies: list[bytes] = []
        self._waiting: list[Any] = []

    def append(self, body: bytes, transport: Any) -> None:
        if not self._bodies:
            self._loop.call_soon(self._flush)
        self._bodies.append(body)
        self._waiting.append(transport)

    def _flush(self) -> None:
        bodies, waiting, self._bodies, self._waiting = self._bodies, self._waiting, [], []
        os.write(self._file, b"\n".join(bodies) + b"\n")
        os.fdatasync(self._file)
        for transport in waiting:
            transport.write(_ANSWER)


class _Connection(asyncio.Protocol):
    def __init__(self, log: _Log) -> None:
        self._log = log
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        orjson.loads(body)
        self._log.append(body, self._transport)


async def _serve(path: str) -> None:
    log = _Log(path)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(log), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
