"""``python -m bench.far_side [CERTIFICATE KEY]``: prints its port, then answers 200 to every post.

With ``--arrivals`` as the first argument, prints the arrival of each post in seconds of the monotonic clock. With
``--numbered SECONDS``, prints it with the number that the body holds as ``"<NUMBER>"``, and answers so much later.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time


class _Server(asyncio.Protocol):
    arrivals = numbered = False
    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (head := self._read.find(b"\r\n\r\n")) >= 0:
            at = self._read[:head].lower().index(b"content-length:") + 15
            end = head + 4 + int(self._read[at:].split(b"\r\n", 1)[0])
            if len(self._read) < end:
                return
            body, self._read = self._read[:end], self._read[end:]
            if self.arrivals:
                print(time.monotonic(), flush=True)
            if self.numbered:
                print(time.monotonic(), body.partition(b'"<')[2].partition(b">")[0].decode(), flush=True)
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # type: ignore[attr-defined]


async def _serve(arguments: list[str]) -> None:
    context = None
    if arguments[:1] == ["--arrivals"]:
        _Server.arrivals = True
    elif arguments[:1] == ["--numbered"]:
        _Server.numbered, _Server.delay = True, float(arguments[1])
    elif arguments:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments)
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
