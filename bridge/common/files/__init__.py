"""Files that are watched, trusted or kept secret."""
