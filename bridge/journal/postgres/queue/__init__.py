"""Deliveries that wait: placed, claimed and settled by leased channels."""
