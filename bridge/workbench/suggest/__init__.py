"""Finds what is noisy in recorded alerts, and what would quiet it."""
