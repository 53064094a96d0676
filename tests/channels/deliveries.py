"""Deliveries to send."""

from __future__ import annotations

import json

from bridge.alert import Alert, Priority
from bridge.alert.forms.json_form import decode_json
from bridge.delivery import Delivery
from bridge.routing import Notification

TIME = "2026-03-04T05:06:07.123456789Z"
TIME_NS = 1_772_600_767_123_456_789


def make_delivery(number: int = 1, **members: object) -> Delivery:
    """A delivery of an alert with these members of Falco's JSON."""
    body = {
        "hostname": "node-1",
        "output": "shell in a pod",
        "output_fields": {"proc.cmdline": "rm -rf /", "proc.vpid": 20072, "k8s.ns.name": "payments"},
        "priority": "Warning",
        "rule": "Terminal shell",
        "source": "syscall",
        "tags": ["shell"],
        "time": TIME,
    }
    alert = decode_json(json.dumps(body | members).encode(), 1)
    assert isinstance(alert, Alert)
    return Delivery(number, alert, Notification("c", ("route x", "route y"), Priority.CRITICAL), 0, 1)
