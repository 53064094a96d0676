"""Types of arguments that are numbers: an error says which numbers are valid."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress

LARGEST = 1_000_000_000
"""Larger numbers mean nothing here, and databases have limits."""


def whole_number(least: int, most: int = LARGEST) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``least`` to ``most``."""

    def parse(text: str) -> int:
        written = text.strip()
        number = int(written[:20]) if written.isascii() and written.isdigit() else -1
        if least <= number <= most and len(written) <= len(str(LARGEST)):
            return number
        raise argparse.ArgumentTypeError(f"write a number from {least} to {most}")

    return parse


def positive_number(text: str) -> float:
    """The type of an argument that is a number above 0, such as a rate."""
    with suppress(ValueError):
        number = float(text)
        if 0 < number < float("inf"):
            return number
    raise argparse.ArgumentTypeError("write a number above 0")
