"""A real nats-server on a port of loopback, with JetStream in memory of its own folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import nats
from nats.aio.client import Client

from tests.support.freezing import freeze
from tests.support.waiting import wait_until

BINARY = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
_T = TypeVar("_T")


class Server:
    """A running server."""

    def __init__(self, folder: Path, config: str) -> None:
        self._folder = folder
        self._config = folder / "nats.conf"
        self._config.write_text(config, encoding="utf-8")
        self.port = 0
        self._process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it, at the same port after the first time."""
        for each in self._folder.glob("*.ports"):
            each.unlink()
        command = [str(BINARY), "-c", str(self._config), "-a", "127.0.0.1", "-p", str(self.port or -1)]
        command += ["--ports_file_dir", str(self._folder), "-l", str(self._folder / "log")]
        self._process = subprocess.Popen(command)
        ports = self._folder / f"nats-server_{self._process.pid}.ports"
        wait_until(lambda: ports.exists() and ports.read_text(), "nats-server to listen")
        url = json.loads(ports.read_text(encoding="utf-8"))["nats"][0]
        self.port = int(url.rpartition(":")[2])

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(60)

    def freeze(self, *, frozen: bool = True) -> None:
        """Stop the process without closing its connections, or continue it."""
        if frozen:
            freeze(self._process.pid)
        else:
            self._process.send_signal(signal.SIGCONT)

    def ask(self, question: Callable[[Client], Awaitable[_T]], **options: Any) -> _T:
        """What a client of its own gets."""

        async def run() -> _T:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}", **options)
            try:
                return await question(client)
            finally:
                await client.close()

        return asyncio.run(run())


@contextmanager
def nats_server(folder: Path, config: str = "", *, jetstream: bool = True) -> Iterator[Server]:
    """A server with this config."""
    folder.mkdir(exist_ok=True)
    store = f'jetstream {{ store_dir: "{folder}", max_mem: 16MB, max_file: 64MB }}\n' if jetstream else ""
    server = Server(folder, store + config)
    try:
        yield server
    finally:
        server.stop()
