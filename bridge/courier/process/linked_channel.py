"""A channel whose messages have a link to acknowledge their incident."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.channels.contract import Channel, Outcome, address_of
from bridge.delivery import Delivery
from bridge.delivery.ack_link import AckLinks


class LinkedChannel:
    """Adds the links, and lets the channel send."""

    def __init__(self, channel: Channel, links: AckLinks) -> None:
        self.name = channel.name
        self.batch_size = channel.batch_size
        self.digest_limit = channel.digest_limit
        self.address = address_of(channel)
        self._channel = channel
        self._links = links

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """As in Channel."""
        return self._channel.send([self._links.added(each) for each in deliveries])

    def close(self) -> None:
        """As in Channel."""
        self._channel.close()
