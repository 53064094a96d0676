"""``console://``: prints deliveries on the bridge's standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import compose
from bridge.delivery.delivery import Delivery


class ConsoleChannel:
    """Prints the first lines of each message."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self.name = name
        self._labels = labels

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Print the first two lines and the routes of each delivery."""
        try:
            sys.stdout.write("".join(self._lines(each) for each in deliveries))
            sys.stdout.flush()
        except OSError as error:
            return Outcome(Verdict.RETRY, reason=f"cannot write to standard output: {error.strerror}")
        return Outcome(Verdict.DELIVERED)

    def _lines(self, delivery: Delivery) -> str:
        message = compose(delivery, self._labels)
        routes = ", ".join(delivery.notification.routes)
        return f"{self.name} ▶ {message.subject}\n    {message.summary}\n    route: {routes}\n"

    def close(self) -> None:
        """Nothing to close."""
