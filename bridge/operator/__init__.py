"""What operators see and do: admin socket, status, metrics."""
