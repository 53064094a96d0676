"""Checks conditions: names, operators, types and values."""
