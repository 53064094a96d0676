"""The full names of Falco's gRPC methods, as they go over the wire (outputs.proto, version.proto)."""

GET = "/falco.outputs.service/get"
"""Drains the queue, then ends; an empty queue ends it at once."""

SUB = "/falco.outputs.service/sub"
"""Answers each request with what is queued, and is silent until the next."""

VERSION = "/falco.version.service/version"
"""Which Falco this is."""
