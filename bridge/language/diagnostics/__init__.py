"""Diagnostics as values, places in source text, and rendering."""
