"""Verbs that find and prevent trouble."""
