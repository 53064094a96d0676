"""Errors of the channels."""

from __future__ import annotations


class ChannelError(Exception):
    """A channel's URL cannot be used.

    The text continues the sentence ``channel NAME …``. It never contains the URL or a part of it that may be secret.
    """


class InvalidResponseError(Exception):
    """A response is not valid HTTP, or the connection was closed before its end."""
