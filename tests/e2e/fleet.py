"""A fleet of bridges over one database, in real processes, with senders that post to whichever bridge answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.e2e.harness import Instance
from tests.support.freezing import freeze

HOSTS = ("node-0", "node-1", "node-2", "node-3")
SKEW = Path(__file__).parents[1] / "support" / "skew"
"""A folder whose `sitecustomize` shifts the wall clock of a process by SKEW_SECONDS."""
_PAUSE = threading.Event()


class Bridge:
    """One bridge of a fleet, which is started again after each kill."""

    def __init__(self, folder: Path, url: str, skew_seconds: int = 0) -> None:
        folder.mkdir()
        self.instance = Instance(folder)
        if skew_seconds:
            self.instance.environment = {"PYTHONPATH": str(SKEW), "SKEW_SECONDS": str(skew_seconds)}
        self.port = _free_port()
        self._url = url
        self.process: subprocess.Popen[bytes]

    def configure(self, routes: str, channels: Mapping[str, object]) -> None:
        """Write its config: all roles, http on a port of its own."""
        self.instance.configure(
            routes, channels, sources=[{"http": f"127.0.0.1:{self.port}"}],
            journal={"url": self._url, "path": "local"}, roles=["intake", "memory", "courier"],
        )  # fmt: skip

    def start(self) -> None:
        """Start it."""
        self.process = self.instance.bridge()

    def revive(self) -> None:
        """Start it again if it has ended, as a service manager does: a bridge needs the database to start."""
        if self.process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """SIGKILL of the router; its courier notices."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def kill_courier(self) -> None:
        """SIGKILL of the courier; the router starts another one."""
        for process in self.couriers():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def couriers(self) -> list[int]:
        """The processes of its courier."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if self.process.poll() is not None:
            return []
        found = (int(each) for each in children.read_text(encoding="ascii").split())
        return [each for each in found if b"bridge.courier" in _command(each)]

    def freeze(self) -> None:
        """SIGSTOP: the router stands still, and its sessions stay open."""
        freeze(self.process.pid)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)


def _command(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Senders:
    """Threads that post numbered alerts, each again to another bridge until one has answered 200."""

    ports: Sequence[int]
    rate: float
    """Alerts a second of each thread."""
    accepted: list[int] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sending(self, threads: int = 2) -> Iterator[None]:
        """Post until the block ends; then each alert that was begun is accepted."""
        workers = [threading.Thread(target=self._run, args=(number, threads)) for number in range(threads)]
        for each in workers:
            each.start()
        try:
            yield
        finally:
            self._stopping.set()
            for each in workers:
                each.join()

    def more_accepted(self) -> Callable[[], bool]:
        """Whether more alerts are accepted than at this call."""
        before = len(self.accepted)
        return lambda: len(self.accepted) > before

    def _run(self, number: int, step: int) -> None:
        while not self._stopping.is_set():
            body = _alert(number)
            bridge = number
            while not _post(self.ports[bridge % len(self.ports)], body):
                bridge += 1
                _PAUSE.wait(0.05)
            self.accepted.append(number)
            number += step
            _PAUSE.wait(1 / self.rate)


def _alert(number: int) -> bytes:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return json.dumps(
        {
            "time": f"{stamp}.{rest:09d}Z", "priority": "Notice", "rule": "Numbered", "source": "syscall",
            "hostname": HOSTS[number % len(HOSTS)], "output": f"alert {number}",
            "output_fields": {"proc.pid": number}, "tags": [],
        }
    ).encode()  # fmt: skip


def _post(port: int, body: bytes) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/", body)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
