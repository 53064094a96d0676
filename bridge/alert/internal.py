"""Falco's alerts about itself, whose source is ``internal``, by the names of their rules."""

from __future__ import annotations

SNAPSHOT_RULE = "Falco internal: metrics snapshot"
"""``metrics.output_rule`` in falco.yaml: counters of Falco and its host."""
DROP_RULE = "Falco internal: syscall event drop"
"""``syscall_event_drops`` in falco.yaml: how many system calls Falco did not see in the last second."""
