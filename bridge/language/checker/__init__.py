"""Syntax tree to checked program: names resolved, types known, problems as diagnostics."""
