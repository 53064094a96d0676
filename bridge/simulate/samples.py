"""Finds the alerts that ship with the bridge."""

from __future__ import annotations

from pathlib import Path

from bridge.simulate.errors import SimulationError

_PACKAGE = Path(__file__).parent.parent
_PLACES = (_PACKAGE / "_data" / "quickstart", _PACKAGE.parent / "examples" / "quickstart")
"""In an installed wheel, and in a checkout."""


def samples_folder() -> Path:
    """The quick start's folder: config, routes and alerts. Raises SimulationError where it did not come along."""
    for place in _PLACES:
        if place.is_dir():
            return place
    raise SimulationError("the quick start's files did not come with this installation; name a file of alerts")


def sample_alerts() -> Path:
    """A file of 50-odd realistic alerts, a quarter of an hour of five nodes: ``alerts.jsonl``."""
    return samples_folder() / "alerts.jsonl"
