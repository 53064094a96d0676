"""A bridge with its courier and a simulated Falco, in real processes, and the files that they write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from bridge.journal import JournalError
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.records import DeliveryRecord, RecordedAlert
from tests.support.waiting import wait_until

EVERYTHING = 'route "everything" { to hook }\n'


@dataclass
class Instance:
    """The folder of one test, with the processes that were started in it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def journal_path(self) -> Path:
        return self.folder / "journal.db"

    @property
    def log(self) -> str:
        """What the bridge wrote to standard error, over all its restarts."""
        return (self.folder / "bridge.log").read_text(encoding="utf-8", errors="replace")

    def configure(self, routes: str, channels: Mapping[str, object], **more: object) -> None:
        """Write the config and its routes; Falco's socket is ``falco.sock`` in the folder."""
        (self.folder / "test.route").write_text(routes, encoding="utf-8")
        config = {
            "sources": [{"grpc": "unix:falco.sock"}],
            "channels": dict(channels),
            "routes": ["test.route"],
            "journal": "journal.db",
            "log": {"level": "info", "format": "json"},
            "labels": {"cluster": "test"},
        } | more
        (self.folder / "falco-bridge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def falco(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a simulated Falco on the folder's socket."""
        return self.start("simulate", *arguments, "--listen", "unix:falco.sock", output="falco.log")

    def bridge(self) -> subprocess.Popen[bytes]:
        """Start the bridge."""
        return self.start("--config", "falco-bridge.yaml", output="bridge.log")

    def start(self, *arguments: str, output: str) -> subprocess.Popen[bytes]:
        with (self.folder / output).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bridge", *arguments],
                cwd=self.folder,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def stop(self, bridge: subprocess.Popen[bytes], *, seconds: float = 30.0) -> int:
        """Stop the bridge, and return its exit code."""
        wait_until(
            lambda: bridge.poll() is not None or catches(bridge.pid, signal.SIGTERM), "the bridge to handle signals"
        )
        bridge.terminate()
        return bridge.wait(seconds)

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal, opened for reading."""
        journal = open_to_read(self.journal_path)
        try:
            yield journal
        finally:
            journal.close()

    def kept(self) -> list[RecordedAlert]:
        with self.journal() as journal:
            return list(journal.history.alerts())

    def deliveries(self) -> list[DeliveryRecord]:
        with self.journal() as journal:
            return list(journal.history.deliveries())

    def attempts(self) -> list[str]:
        """Why each failed attempt failed."""
        with self.journal() as journal:
            return [
                attempt.reason
                for each in journal.history.deliveries()
                for attempt in journal.dead_letters.attempts(each.id)
            ]

    def await_logged(self, words: str, *, seconds: float = 30.0) -> None:
        """Wait until the bridge has logged it."""
        wait_until(lambda: words in self.log, words, seconds=seconds)

    def await_kept(self, count: int, *, seconds: float = 30.0) -> None:
        """Wait until that many alerts are in the journal."""
        wait_until(self.has_journal, "the journal", seconds=seconds)
        with self.journal() as journal:
            wait_until(
                lambda: journal.history.alert_count() >= count, f"{count} alerts in the journal", seconds=seconds
            )

    def await_settled(self, *, seconds: float = 30.0) -> None:
        """Wait until no delivery is pending or claimed."""
        with self.journal() as journal:
            wait_until(lambda: journal.deliveries.undelivered() == 0, "every delivery to be settled", seconds=seconds)

    def has_journal(self) -> bool:
        """Whether the bridge has created the journal."""
        try:
            open_to_read(self.journal_path).close()
        except JournalError:
            return False
        return True

    def courier_pid(self) -> int:
        """The process that holds the courier's lock."""
        lock = self.folder / "journal.db.courier.lock"
        return int(lock.read_text(encoding="ascii"))

    def await_courier(self) -> int:
        """Wait for a courier, and return its process id."""
        lock = self.folder / "journal.db.courier.lock"
        wait_until(lambda: lock.exists() and lock.read_bytes().endswith(b"\n"), "the courier")
        return self.courier_pid()

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


def catches(process: int, number: signal.Signals) -> bool:
    """Whether the process handles a signal. One that is still starting would be killed by it."""
    return _in_mask(process, "SigCgt:", number)


def holds_back(process: int, number: signal.Signals) -> bool:
    """Whether the process blocks a signal."""
    return _in_mask(process, "SigBlk:", number)


def _in_mask(process: int, mask: str, number: signal.Signals) -> bool:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = next(line for line in status.splitlines() if line.startswith(mask))
    return bool(int(found.split()[1], 16) >> (number - 1) & 1)


def log_lines(text: str) -> list[dict[str, object]]:
    """The JSON lines of a log."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
