"""One trace for each alert: what the router decided and what the courier delivered, exported by OTLP."""
