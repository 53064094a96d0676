"""Decodes and encodes alerts in Falco's JSON, gRPC and text formats, and container log lines. Pure."""
