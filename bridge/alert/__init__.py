"""What Falco said. Pure: no I/O, no clock; imports no other room."""

from bridge.alert.alert import INTERNAL_SOURCE, MISSING, Alert, make_alert, split_list
from bridge.alert.priority import Priority, parse_priority

__all__ = ["INTERNAL_SOURCE", "MISSING", "Alert", "Priority", "make_alert", "parse_priority", "split_list"]
