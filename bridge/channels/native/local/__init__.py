"""Channels on the machine of the bridge: programs, files and standard output, and which of them are allowed."""
