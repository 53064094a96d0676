"""Finds out why alerts do not arrive, do not match or are not delivered."""
