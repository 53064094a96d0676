"""Deliveries that wait: ordered, claimed and settled."""
