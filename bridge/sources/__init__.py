"""Bytes in, alerts out: one file a road. Knows nothing of routes."""
