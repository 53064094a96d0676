"""Detects another client that reads the same Falco. Falco has one queue and gives each alert to one client only.

Falco does not list its clients. Two signs of another client are visible:

- more than one connection to Falco's unix socket, if Falco and the bridge share a network namespace;
- a gap between the alerts received and the number in Falco's metrics snapshots, if falco.yaml enables ``metrics`` with
  ``output_rule`` and ``rules_counters_enabled``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.alert.internal import SNAPSHOT_RULE

_SOCKETS = Path("/proc/net/unix")
_STREAM, _CONNECTED = "0001", "03"


@dataclass(slots=True)
class GapDetector:
    """Compares the alerts received from one Falco with the number that Falco says it sent. Pure."""

    received: int = 0
    """Messages since the first snapshot, including those that could not be decoded."""
    _run: tuple[str, ...] = ()
    _baseline: int = 0
    _gap: int = 0

    def missing(self, alerts: Iterable[Alert], rejected: int = 0) -> int:
        """The number of alerts that certainly went to another client.

        A snapshot may overtake an alert or two, so the smaller of two consecutive gaps counts. A gap is therefore known
        only with the snapshot after it.
        """
        missing = 0
        self.received += rejected
        for alert in alerts:
            if alert.source != INTERNAL_SOURCE:
                self.received += 1
            elif alert.rule == SNAPSHOT_RULE:
                missing = max(missing, self._compare(alert))
        return missing

    def reset(self) -> None:
        """A stream broke off, which also loses alerts: start counting from the next snapshot."""
        self._run = ()

    def _compare(self, snapshot: Alert) -> int:
        sent = _number(snapshot, "falco.rules.matches_total")
        if sent is None:
            return 0
        sent -= _number(snapshot, "falco.outputs_queue_num_drops") or 0
        run = (snapshot.fields.get("falco.start_ts", ""), snapshot.fields.get("falco.reload_ts", ""))
        if run != self._run:
            self._run, self._baseline, self.received, self._gap = run, sent, 0, 0
            return 0
        previous, self._gap = self._gap, max(sent - self._baseline - self.received, 0)
        return min(previous, self._gap)


def _number(alert: Alert, name: str) -> int | None:
    text = alert.fields.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def connections(socket: str) -> int:
    """The number of clients connected to a unix socket, as far as this network namespace shows them."""
    try:
        lines = _SOCKETS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    entries = (line.split(maxsplit=7) for line in lines)
    return sum(len(entry) == 8 and entry[4:6] == [_STREAM, _CONNECTED] and _same(entry[7], socket) for entry in entries)


def _same(path: str, socket: str) -> bool:
    """Whether both paths name the same socket."""
    name = socket.rpartition("/")[2]
    if path == socket:
        return True
    try:
        return path.endswith(f"/{name}") and os.path.samefile(path, socket)  # noqa: PTH121
    except OSError:
        return False
