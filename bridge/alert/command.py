"""The names of the alerts that the bridge makes from terminal commands."""

from __future__ import annotations

COMMAND_RULE = "Command typed in a terminal"
COMMAND_SOURCE = "terminal"
"""The alert source."""
COMMAND_TAGS = ("falco-bridge", "terminal")
COMMAND_PLACES = ("container.", "k8s.", "user.", "group.")
"""The prefixes of the fields that say where a command was typed, and as which user."""
COMMAND_SHELL = ("proc.name", "proc.pid", "proc.tty")
"""The fields of the shell."""
