"""Who must hear of an alert. Pure: state and time are arguments."""

from bridge.routing.decide import OTHERWISE, Action, Decision, Routed, decide
from bridge.routing.notification import Notification

__all__ = ["OTHERWISE", "Action", "Decision", "Notification", "Routed", "decide"]
