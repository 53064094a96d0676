"""Shifts the wall clock of a Python process, as on a machine whose clock is wrong. For tests of a fleet."""

from __future__ import annotations

import os
import time

_SECONDS = int(os.environ.get("SKEW_SECONDS", "0"))
_time, _time_ns = time.time, time.time_ns


def _shifted() -> float:
    return _time() + _SECONDS


def _shifted_ns() -> int:
    return _time_ns() + _SECONDS * 1_000_000_000


time.time, time.time_ns = _shifted, _shifted_ns
