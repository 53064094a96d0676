"""Reads the configs of other tools, and writes the ones that do the same here."""
