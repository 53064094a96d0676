"""A finding of ``falco-bridge doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Gravity(StrEnum):
    """How serious a finding is."""

    PROBLEM = "problem"
    """Alerts are lost, late or not delivered."""
    WARNING = "warning"
    """Something is probably not as it was meant."""
    OK = "ok"
    """It was checked, and is well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do."""

    gravity: Gravity
    subject: str
    """``source grpc:unix:/run/falco/falco.sock``, ``route "rm -rf in prod"``."""
    text: str
    remedy: str = ""
    lines: tuple[str, ...] = ()
    """Lines for a file that the remedy names."""
