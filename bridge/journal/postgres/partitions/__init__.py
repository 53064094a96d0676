"""The partitions of a fleet's memory in PostgreSQL."""
