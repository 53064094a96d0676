"""What can go wrong for a user of the stand-in, told in a sentence."""

from __future__ import annotations


class SimulationError(Exception):
    """A file that cannot be played or an address that cannot be served; its text names the cause and the remedy."""
