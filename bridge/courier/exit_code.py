"""Exit codes of the courier process."""

WORN_OUT = 75
"""Too many attempts hang in their channels; start another courier."""
