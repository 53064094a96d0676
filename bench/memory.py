"""Memory of the router after many alerts with a thousand routes.

``FALCO_BRIDGE_FULL=1`` sends a million alerts, otherwise a hundred thousand.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.processes import simulating, start
from bench.routes import routes_text
from bridge.journal import JournalError
from bridge.journal.opening import open_to_read

_ALERTS = 1_000_000 if os.environ.get("FALCO_BRIDGE_FULL") == "1" else 100_000
_EARLY = _ALERTS // 10
_CHANNELS = ("archive", *(f"channel{number}" for number in range(20)))
"""The channels that the generated routes name."""
_TIMEOUT_SECONDS = 1800


def figures() -> Iterator[Figure]:
    """Runs the real command. A simulated Falco sends alerts with new commands, pods and users as fast as it can."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        (folder / "bench.route").write_text(routes_text(1000), encoding="utf-8")
        channels = ", ".join(f"{each}: file://{each}.jsonl" for each in _CHANNELS)
        (folder / "config.yaml").write_text(
            f"sources: [{{grpc: unix:falco.sock}}]\nchannels: {{{channels}}}\n"
            "routes: bench.route\njournal: journal.db\n",
            encoding="utf-8",
        )
        with simulating(folder, _ALERTS, None):
            bridge = start(folder, "--config", "config.yaml")
            try:
                _await_committed(folder, _EARLY)
                early = megabytes(bridge.pid)
                _await_committed(folder, _ALERTS)
                late = megabytes(bridge.pid)
            finally:
                bridge.terminate()
                bridge.wait(60)
        yield Figure(f"router memory after {_EARLY:,} alerts, 1,000 routes", early, "MiB")
        yield Figure(f"router memory after {_ALERTS:,} alerts, 1,000 routes", late, "MiB", late / early, "that")


def _await_committed(folder: Path, count: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            journal = open_to_read(folder / "journal.db")
            newest = journal.history.alert_count()
            journal.close()
        except JournalError:
            newest = 0
        if newest >= count:
            return
        time.sleep(0.5)
    raise TimeoutError("the bridge did not commit all alerts in time")


def megabytes(pid: int) -> float:
    """Resident memory of one process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
