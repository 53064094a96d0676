"""The bridge put together: config, the two processes, logging, shutdown. Knows every room but the commands."""
