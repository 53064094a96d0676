"""Clocks, durations and times of day."""
