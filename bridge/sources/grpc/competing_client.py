"""Whether somebody else reads the same Falco: its one queue gives each alert to one of its clients only.

Falco does not tell who its clients are. What can be seen: the connections to a unix socket, where Falco and the bridge
live in one network namespace; and a gap between the alerts that came and the count of them in Falco's metrics
snapshots, where falco.yaml has ``metrics`` with ``output_rule`` and ``rules_counters_enabled``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.alert import INTERNAL_SOURCE, Alert

SNAPSHOT_RULE = "Falco internal: metrics snapshot"
_SOCKETS = Path("/proc/net/unix")
_STREAM, _CONNECTED = "0001", "03"


@dataclass(slots=True)
class ClientDetector:
    """Counts the alerts of one Falco against what it says it has told. Pure."""

    received: int = 0
    """Since the first snapshot; what could not be decoded counts as well."""
    _run: tuple[str, ...] = ()
    _baseline: int = 0
    _gap: int = 0

    def missing(self, alerts: Iterable[Alert], rejected: int = 0) -> int:
        """How many of Falco's alerts surely went elsewhere; known with the second snapshot after the gap only.

        A snapshot may overtake an alert or two, so that of two gaps in a row the smaller one counts.
        """
        found = 0
        self.received += rejected
        for alert in alerts:
            if alert.source != INTERNAL_SOURCE:
                self.received += 1
            elif alert.rule == SNAPSHOT_RULE:
                found = max(found, self._compare(alert))
        return found

    def forget(self) -> None:
        """A stream broke off: what is missing from here on may be lost for that reason."""
        self._run = ()

    def _compare(self, snapshot: Alert) -> int:
        told = _number(snapshot, "falco.rules.matches_total")
        if told is None:
            return 0
        told -= _number(snapshot, "falco.outputs_queue_num_drops") or 0
        life = (snapshot.fields.get("falco.start_ts", ""), snapshot.fields.get("falco.reload_ts", ""))
        if life != self._run:
            self._run, self._baseline, self.received, self._gap = life, told, 0, 0
            return 0
        before, self._gap = self._gap, max(told - self._baseline - self.received, 0)
        return min(before, self._gap)


def _number(alert: Alert, name: str) -> int | None:
    text = alert.fields.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def connections(socket: str) -> int:
    """How many clients are connected to a unix socket, as far as this network namespace shows."""
    try:
        lines = _SOCKETS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    entries = (line.split(maxsplit=7) for line in lines)
    return sum(len(entry) == 8 and entry[4:6] == [_STREAM, _CONNECTED] and _same(entry[7], socket) for entry in entries)


def _same(path: str, socket: str) -> bool:
    """Whether both lead to one socket, by whatever folder."""
    name = socket.rpartition("/")[2]
    if path == socket:
        return True
    try:
        return path.endswith(f"/{name}") and os.path.samefile(path, socket)  # noqa: PTH121
    except OSError:
        return False
