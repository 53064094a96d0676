"""Helpers below every room: text, secrets, durations, time zones, locks, sockets, file watching."""
