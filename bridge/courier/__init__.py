"""Takes deliveries from the journal to the channels, for as long as that takes. A process of its own."""

WORN_OUT = 75
"""Exit code of the process: too many attempts hang in their channels; start another courier."""
