"""The values that journal, channels and courier share: a delivery, its settlement, a channel's health and options."""

from bridge.delivery.delivery import HEALTH_ALERT_ROUTE, Capacity, Circuit, Delivery, DeliveryState, Health, Settlement

__all__ = ["HEALTH_ALERT_ROUTE", "Capacity", "Circuit", "Delivery", "DeliveryState", "Health", "Settlement"]
