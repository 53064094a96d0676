"""Opens the channel of a service of Google Cloud."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.channels.contract import Channel
from bridge.channels.native.gcp import chronicle, gcs, pubsub
from bridge.channels.native.gcp.service import parse_place
from bridge.delivery.extras import ChannelExtras


def open_gcp(name: str, url: str, labels: Mapping[str, str], extras: ChannelExtras) -> Channel:
    """The channel of a URL. Raises ChannelError."""
    scheme = url.partition("://")[0].lower()
    if scheme == "pubsub":
        return pubsub.PubSubChannel(name, *parse_place(url, pubsub.PARAMETERS), labels, extras)
    if scheme == "chronicle":
        return chronicle.ChronicleChannel(name, *parse_place(url, chronicle.PARAMETERS), labels, extras)
    return gcs.GcsChannel(name, *parse_place(url, gcs.PARAMETERS), labels, extras)
