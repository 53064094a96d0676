"""Apprise's services."""
