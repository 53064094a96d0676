"""How the courier judges a channel: failures, retries, outages."""
