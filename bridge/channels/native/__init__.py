"""The bridge's own channels: each service has a module or a folder; ``local`` has those of the machine itself."""
