"""``falco-bridge.yaml``: one module a section."""
