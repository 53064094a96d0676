"""Falcos and bridges in processes of their own, for benchmarks that measure one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self


class simulating:  # noqa: N801  # used as a function
    """A simulated Falco that offers ``rate`` alerts per second, or all at once."""

    def __init__(self, folder: Path, count: int, rate: int | None) -> None:
        pace = [] if rate is None else ["--rate", str(rate)]
        self._folder = folder
        self._process = start(
            folder, "simulate", "--generate", "--count", str(count), *pace, "--listen", "unix:falco.sock"
        )

    def __enter__(self) -> None:
        while not (self._folder / "falco.sock").exists():
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class offering:  # noqa: N801  # used as a function
    """As ``simulating``, but the alerts are generated before, and the CPU of its process can be read.

    With a rate, they are offered evenly from the first read on, by a Falco that costs little.
    """

    def __init__(self, folder: Path, count: int, rate: int | None = None) -> None:
        self._socket = folder / "falco.sock"
        self.address = f"unix:{self._socket}"
        server, rated = ("bench.offering", []) if rate is None else ("bench.lean_falco", [str(rate)])
        command = [sys.executable, "-m", server, str(self._socket), str(count), *rated]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cpu_seconds(self) -> float:
        """CPU seconds that its process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        while not self._socket.exists():
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The command ``falco-bridge`` with these arguments, running in ``folder``."""
    command: Sequence[str] = [sys.executable, "-m", "bridge", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
