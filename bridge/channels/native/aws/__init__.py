"""Channels of Amazon Web Services and of services with the same APIs. They need the extra ``aws``."""
