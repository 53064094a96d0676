"""How long a journal stores alerts and deliveries."""

from __future__ import annotations

from dataclasses import dataclass, replace

_DAY_NS = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Limits of age and size. Pending deliveries and their alerts are stored regardless."""

    alerts_ns: int = 30 * _DAY_NS
    """Age at which an alert is removed, in nanoseconds since it was received. Dead letters have the same limit."""
    deliveries_ns: int = 7 * _DAY_NS
    """Age at which a delivered or discarded delivery is removed, in nanoseconds since it was settled."""
    size: int = 10_000_000_000
    """Bytes in use; above it the oldest alerts and settled deliveries are removed first."""

    def extended(self, by_ns: int) -> RetentionPolicy:
        """The policy with ages that are greater by ``by_ns``."""
        return replace(self, alerts_ns=self.alerts_ns + by_ns, deliveries_ns=self.deliveries_ns + by_ns)
