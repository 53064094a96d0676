"""Parses ``.route`` text to a frozen syntax tree. No Lark type leaves this package."""
