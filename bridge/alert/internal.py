"""The rule names of internal alerts."""

from __future__ import annotations

SNAPSHOT_RULE = "Falco internal: metrics snapshot"
"""``metrics.output_rule`` in falco.yaml: counters of Falco and its host."""
DROP_RULE = "Falco internal: syscall event drop"
"""``syscall_event_drops`` in falco.yaml: the number of system calls that Falco missed in the last second."""
