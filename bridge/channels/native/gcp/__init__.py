"""Channels of Google Cloud. They need the extra ``gcp``."""
