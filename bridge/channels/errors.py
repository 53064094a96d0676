"""What is wrong with a channel's URL."""

from __future__ import annotations


class ChannelError(Exception):
    """The URL makes no channel; the text says why and never holds the URL or a part of it that may be secret."""
