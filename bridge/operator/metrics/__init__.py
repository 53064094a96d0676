"""Metrics for Prometheus and health checks for orchestrators."""
