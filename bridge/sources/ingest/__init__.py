"""The socket source, and the client that sends to it."""
