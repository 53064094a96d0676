"""What is checked before a bridge starts."""
