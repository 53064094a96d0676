"""Channels of Microsoft Azure. Without a key in the URL they need the extra ``azure``."""
