"""Checks syntax trees: resolves names, checks types, reports problems as diagnostics."""
