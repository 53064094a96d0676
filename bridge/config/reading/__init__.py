"""From the text of a config to its values."""
