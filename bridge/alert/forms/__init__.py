"""Decoding and encoding: Falco's JSON, gRPC and text forms, and container log lines. Pure."""
