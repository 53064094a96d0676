"""Falco's gRPC outputs."""
