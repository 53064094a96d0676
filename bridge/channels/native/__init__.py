"""The bridge's own channels: webhook, Loki, Alertmanager, exec, file and console."""
