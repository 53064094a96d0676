"""``python -m bench.http_client PORT CONNECTIONS COUNT``: posts alerts on persistent connections, in turn."""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import islice

from bridge.simulate.generate import generate
from bridge.simulate.recording import Form


class _Poster(asyncio.Protocol):
    """Sends the next request as soon as the previous one is answered."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = iter(requests)
        self.done = asyncio.get_running_loop().create_future()
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.refused += not data.startswith(b"HTTP/1.1 200")
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
        else:
            self._transport.write(request)  # type: ignore[attr-defined]


async def _post(port: int, connections: int, count: int) -> None:
    bodies = [alert.http(Form.JSON) for alert in islice(generate(count, seed=int(time.time())), count)]
    requests = [
        b"POST / HTTP/1.1\r\nHost: x\r\nUser-Agent: falcosecurity/falco\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in bodies
    ]
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    posters = [
        (await loop.create_connection(lambda part=requests[n::connections]: _Poster(part), "127.0.0.1", port))[1]
        for n in range(connections)
    ]
    await asyncio.gather(*(poster.done for poster in posters))
    print(time.monotonic() - started)
    assert not any(poster.refused for poster in posters)


if __name__ == "__main__":
    asyncio.run(_post(*map(int, sys.argv[1:4])))
