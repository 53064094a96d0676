"""The HTTP server under the alert listener and the metrics listener."""
