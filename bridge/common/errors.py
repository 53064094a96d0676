"""What is wrong with a source's settings, told before it runs."""

from __future__ import annotations


class SetupError(Exception):
    """The source cannot be set up; its text names the file or address, the cause and the remedy."""
