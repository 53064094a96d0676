"""From an alert to decisions and notifications. Pure: state and time are arguments.

Exports only values, so that channels and the courier import neither the language nor the matcher. The router itself is
``bridge.routing.router.Router``.
"""

from bridge.routing.decision import OTHERWISE, Decision, Entry, Routed
from bridge.routing.notification import Notification, NotificationContext, NotificationKind
from bridge.routing.reason import Reason

__all__ = [
    "OTHERWISE",
    "Decision",
    "Entry",
    "Notification",
    "NotificationContext",
    "NotificationKind",
    "Reason",
    "Routed",
]
