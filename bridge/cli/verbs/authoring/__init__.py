"""Verbs for writing routes."""
