"""``console://``: deliveries on the bridge's standard output, for trying routes and for small setups."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message import compose
from bridge.journal.model import Delivery


class ConsoleChannel:
    """Prints the first lines of each message."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self.name = name
        self._labels = labels

    def send(self, delivery: Delivery) -> Outcome:
        """Print headline, place and actor, and the route."""
        message = compose(delivery, self._labels)
        place = message.body.partition("\n")[0]
        routes = ", ".join(delivery.notification.routes)
        try:
            sys.stdout.write(f"{self.name} ▶ {message.subject}\n    {place}\n    route: {routes}\n")
            sys.stdout.flush()
        except OSError as error:
            return Outcome(Verdict.RETRY, reason=f"standard output takes nothing ({error.strerror})")
        return Outcome(Verdict.DELIVERED)

    def close(self) -> None:
        """Nothing is held."""
