"""Channels: each sends deliveries to one destination and returns an outcome. Retries are the courier's."""
