"""The console's process: what it gets, how it serves, and how the bridge runs it."""
