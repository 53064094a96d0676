"""The full names of Falco's gRPC methods (outputs.proto, version.proto)."""

GET = "/falco.outputs.service/get"
"""Sends the queued alerts, then ends. Ends at once if the queue is empty."""

SUB = "/falco.outputs.service/sub"
"""Answers each request with the queued alerts, and sends nothing until the next request."""

VERSION = "/falco.version.service/version"
"""Returns the version of Falco."""
