"""The channels of our own: webhook, Loki, Alertmanager, exec, file, console."""
