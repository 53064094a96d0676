"""Falco's own rules files, and what they say about text alerts."""
