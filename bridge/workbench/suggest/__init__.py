"""Finds noise in recorded alerts, and suggests routes and silences against it."""
