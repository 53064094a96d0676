"""Finds the sample alerts that ship with the bridge."""

from __future__ import annotations

from pathlib import Path

from bridge.simulate.errors import SimulationError

_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "_data" / "quickstart", _PACKAGE.parent / "examples" / "quickstart")
"""In an installed wheel, and in a checkout."""


def samples_folder() -> Path:
    """The quick start's folder: config, routes and alerts. Raises SimulationError if it is not installed."""
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    raise SimulationError("the quick start's files are not installed; name a file of alerts")


def sample_alerts() -> Path:
    """``alerts.jsonl``: about 50 realistic alerts from five nodes in 15 minutes."""
    return samples_folder() / "alerts.jsonl"
