"""The rule names of internal alerts."""

from __future__ import annotations

INTERNAL_PREFIX = "Falco internal: "
"""The beginning of every one of them."""
SNAPSHOT_RULE = "Falco internal: metrics snapshot"
"""``metrics.output_rule`` in falco.yaml: counters of Falco and its host."""
DROP_RULE = "Falco internal: syscall event drop"
"""``syscall_event_drops`` in falco.yaml: the number of system calls that Falco missed in the last second."""
TIMEOUT_RULE = "Falco internal: timeouts notification"
"""``syscall_event_timeouts`` in falco.yaml: Falco has received no event for some time."""
RESTART_RULE = "Falco internal: hot restart failure"
"""Falco could not load a changed config or rules file."""
