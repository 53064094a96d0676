"""Which channels are notified of acknowledgements and ends of incidents."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.routing.notification import NotificationKind


@dataclass(frozen=True, slots=True)
class IncidentChannels:
    """Channels by what they take; no channel takes more than alerts by default."""

    known: frozenset[str] = frozenset()
    """Those whose services know incidents. They get a notification of each route, and are notified of an end."""
    acknowledged: frozenset[str] = frozenset()
    """Those of them that are notified of acknowledgements too."""
    resolved: frozenset[str] = frozenset()
    """Other channels that are notified of an end."""

    def takes(self, channel: str, kind: NotificationKind) -> bool:
        """Whether a channel receives notifications of this kind."""
        match kind:
            case NotificationKind.ACKNOWLEDGED:
                return channel in self.acknowledged
            case NotificationKind.RESOLVED:
                return channel in self.known or channel in self.resolved
            case _:
                return True


NO_INCIDENT_CHANNELS = IncidentChannels()
