"""Searches the journal: what happened, what was decided about it, and what was sent."""
