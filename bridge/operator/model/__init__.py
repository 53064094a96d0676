"""The values of the operator API, as requests and answers. The OpenAPI document is generated from them.

Times are nanoseconds since 1970-01-01 UTC. Null means never, or unknown.
"""
