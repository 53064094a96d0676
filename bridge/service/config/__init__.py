"""``falco-bridge.yaml``, one file a section."""
