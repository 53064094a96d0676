"""What a running bridge tells of itself."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bridge import __version__
from bridge.service.admin_server import Actor
from bridge.service.intake import Intake


class Status:
    """Gathers it at the moment it is asked for."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._since_ns = time.time_ns()

    def operation(self, _actor: Actor, _arguments: Mapping[str, object]) -> object:
        """The admin socket's ``status``."""
        tally = self._intake.tally
        return {
            "version": __version__,
            "since_ns": self._since_ns,
            "alerts": tally.alerts,
            "repeated": tally.repeated,
            "refused": tally.refused,
            "deliveries": tally.deliveries,
        }
