"""Exit codes of the courier process."""

WORN_OUT = 75
"""Too many threads hang in channels; another courier is to be started."""
