"""Terminal commands in the running bridge: material on disk, commands as alerts."""
