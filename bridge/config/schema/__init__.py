"""The declared config: every section and key with its type, default, description and example."""
