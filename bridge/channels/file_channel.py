"""``file://PATH``: a JSON line a delivery, on the disk before it counts as delivered; follows log rotation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bridge.alert.alert import clock_text
from bridge.channels.compose import compose
from bridge.channels.contract import Outcome, Verdict
from bridge.journal.model import Delivery

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileChannel:
    """Appends to one file, readable by its owner only. A symlink in its place is refused."""

    together = 1000
    most_in_a_digest = together

    def __init__(self, name: str, path: Path, labels: Mapping[str, str]) -> None:
        self.name = name
        self._path = path
        self._labels = labels

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Append a line each. Opened anew each time, so that a rotated file is left alone."""
        lines = b"".join(self._line(each) for each in deliveries)
        try:
            descriptor = os.open(self._path, _FLAGS, 0o600)
            try:
                end = os.fstat(descriptor).st_size
                if os.write(descriptor, lines) != len(lines):
                    os.ftruncate(descriptor, end)
                    return Outcome(Verdict.RETRY, reason="the disk is full: free some space")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            return Outcome(Verdict.RETRY, reason=f"{self._path} cannot be written: {error.strerror}")
        return Outcome(Verdict.DELIVERED)

    def close(self) -> None:
        """Nothing is held between deliveries."""

    def _line(self, delivery: Delivery) -> bytes:
        alert, notification = delivery.alert, delivery.notification
        body = {
            "id": alert.id,
            "time": clock_text("evt.time.iso8601", alert.time_ns).removesuffix("+0000") + "Z",
            "severity": str(notification.severity),
            "title": compose(delivery, self._labels).subject,
            "routes": notification.routes,
            "rule": alert.rule,
            "priority": str(alert.priority),
            "source": alert.source,
            "hostname": alert.hostname,
            "tags": alert.tags,
            "output": alert.output,
            "output_fields": dict(alert.fields),
            "labels": dict(self._labels),
        }
        return msgspec.json.encode(body) + b"\n"
