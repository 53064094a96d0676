"""Files and container logs."""
