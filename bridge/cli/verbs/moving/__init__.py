"""Verbs for those who come from other tools."""
