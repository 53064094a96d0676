"""Alerts: the record, its decoders and encoders, and Falco's field catalogue. Pure."""

from bridge.alert.alert import INTERNAL_SOURCE, MISSING, Alert, make_alert, split_list
from bridge.alert.priority import Priority, parse_priority

__all__ = ["INTERNAL_SOURCE", "MISSING", "Alert", "Priority", "make_alert", "parse_priority", "split_list"]
