"""The memory of a fleet in partitions: what a bridge decides at once, and what the owner of a key decides."""
