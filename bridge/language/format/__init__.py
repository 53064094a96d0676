"""``fmt`` and syntax highlighting."""
