"""The names of the secrets that a journal has."""

from __future__ import annotations

STATE_KEYS = "state keys"
"""Hashes the keys of clauses with memory."""
LINKS = "links"
"""Signs acknowledgement links."""
