"""Errors that several rooms raise."""

from __future__ import annotations


class SetupError(Exception):
    """A source or listener cannot be set up. The text names the file or address, the cause and the remedy."""
