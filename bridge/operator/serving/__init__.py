"""HTTP for operators and Prometheus: connections, listeners, the thread that serves them."""
