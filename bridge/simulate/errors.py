"""The error that the simulated Falco reports to its user."""

from __future__ import annotations


class SimulationError(Exception):
    """A file cannot be played or an address cannot be served. The text names the cause and the remedy."""
