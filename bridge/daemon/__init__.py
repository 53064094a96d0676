"""The running bridge: start, sources, secrets, signals."""
