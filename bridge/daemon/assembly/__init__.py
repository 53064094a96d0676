"""Assembles a bridge from its parts."""
