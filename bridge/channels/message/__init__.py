"""The message that a person reads, and the JSON that a program reads. Pure."""
