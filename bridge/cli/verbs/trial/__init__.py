"""Verbs that try routes on recorded alerts before they are in use."""
