"""Sources: each reads bytes from one kind of place and produces alerts. Sources know nothing of routes."""
