"""Appends a batch: alerts, deliveries and their numbers."""
