"""The operator API: HTTP under /api/v1, described by OpenAPI."""
