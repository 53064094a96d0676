"""The values that journal, channels and courier share: deliveries, outcomes, settlements, health and options."""

from bridge.delivery.delivery import HEALTH_ALERT_ROUTE, Capacity, Delivery, DeliveryState, Settlement
from bridge.delivery.health import Circuit, Health
from bridge.delivery.outcome import Outcome, Verdict

__all__ = [
    "HEALTH_ALERT_ROUTE",
    "Capacity",
    "Circuit",
    "Delivery",
    "DeliveryState",
    "Health",
    "Outcome",
    "Settlement",
    "Verdict",
]
