"""What a running bridge tells of itself to its operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice

from bridge import __version__
from bridge.language.program.program import Program
from bridge.operator.inspector import Inspector
from bridge.operator.server import Actor

_MOST_LISTED = 1000
"""Sources or routes that an answer lists."""


class Status:
    """Gathers it at the moment it is asked for."""

    def __init__(self, look: Inspector, program: Program) -> None:
        self._look = look
        self._routes = tuple(route.name for route in program.routes)

    def operation(self, _actor: Actor, _arguments: Mapping[str, object]) -> object:
        """The admin socket's ``status``. Moments are nanoseconds since the epoch; null is never, or not known."""
        look = self._look
        counts = look.counts
        sources = look.sources()
        return {
            "version": __version__,
            "since_ns": look.since_ns,
            "unready": look.unready(),
            "alerts": sum(counts.alerts.copy().values()),
            "repeated": sum(counts.duplicates.copy().values()),
            "refused": sum(counts.rejected.copy().values()),
            "notifications": sum(counts.notifications.copy().values()),
            "last_alert_ns": counts.last_alert_ns,
            "sources_in_all": len(sources),
            "sources": [asdict(each) for each in sources[:_MOST_LISTED]],
            "routes_in_all": len(self._routes),
            "routes": self._route_counts(),
            "courier": {"pid": look.courier_pid, "restarts": look.courier_restarts},
            "nodes_that_drop": self._dropping(),
            **self._kept(),
        }

    def _route_counts(self) -> list[dict[str, object]]:
        """Each route with what it made of its matches: ``otherwise`` too, once it has spoken."""
        by_route: dict[str, dict[str, int]] = {name: {} for name in self._routes}
        for (route, action), count in self._look.counts.decisions.copy().items():
            by_route.setdefault(route, {})[action] = count
        return [{"route": name, "decisions": counts} for name, counts in list(by_route.items())[:_MOST_LISTED]]

    def _dropping(self) -> list[dict[str, object]]:
        """Nodes whose Falco has not seen everything."""
        found = (
            (name, max(node.events_dropped, node.snapshot_events_dropped or 0), node.outputs_dropped or 0)
            for name, node in self._look.nodes.now()
        )
        told = ((name, events, outputs) for name, events, outputs in found if events or outputs)
        return [
            {"node": name, "events_dropped": events, "outputs_dropped": outputs}
            for name, events, outputs in islice(told, _MOST_LISTED)
        ]

    def _kept(self) -> dict[str, object]:
        """What the journal tells; channels and quarantine are null where it cannot be read just now."""
        kept = self._look.kept()
        journal = {"journal_bytes": self._look.journal_bytes()}
        if kept is None:
            return journal | {"quarantined": None, "channels": None}
        channels = [
            {
                "channel": name,
                "waiting": waiting,
                "circuit": kept.health[name].circuit.value if name in kept.health else None,
                "delivered": kept.health[name].delivered if name in kept.health else 0,
                "dead_letters": kept.dead.get(name, 0),
                "last_failure": kept.health[name].reason if name in kept.health else "",
            }
            for name, waiting in kept.waiting.items()
        ]
        return journal | {"quarantined": kept.quarantined, "channels": channels}
