"""Commands out of alerts that are read in order, as from a file: the alerts of commands take the place of material."""

from __future__ import annotations

from bridge.alert import Alert
from bridge.terminal.derived import alert_of
from bridge.terminal.rules import is_material
from bridge.terminal.terminals import Terminals


class CommandStream:
    """The clock is the latest event time, so that commands come where the running bridge would have had them."""

    def __init__(self) -> None:
        self._terminals = Terminals()
        self._now_ns = 0

    def feed(self, alert: Alert) -> list[Alert]:
        """The next alert. Returns the commands that are finished, and then the alert unless it is material."""
        terminals = self._terminals
        material = is_material(alert)
        observations = terminals.new((alert,))
        if not observations and not terminals.waits:
            return [] if material else [alert]
        self._now_ns = max(self._now_ns, alert.time_ns)
        commands = terminals.take(observations, self._now_ns) if observations else []
        if terminals.waits:
            commands += terminals.tick(self._now_ns)
        found = [alert_of(command) for command in commands]
        return found if material else [*found, alert]

    def end(self) -> list[Alert]:
        """Nothing follows. Returns the commands that might have changed."""
        return [alert_of(command) for command in self._terminals.end(self._now_ns)]
