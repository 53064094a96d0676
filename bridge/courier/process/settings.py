"""The settings of the courier's process, and what changes from one to the next."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.channels.contract import Channel
from bridge.channels.native.local.allowed import from_settings
from bridge.channels.registry import open_channels
from bridge.common.log_setup import configure_logging
from bridge.common.masking import forms_of, secrets_in
from bridge.courier.process.leased_channels import LeasedChannels
from bridge.courier.process.linked_channel import LinkedChannel
from bridge.delivery.ack_link import AckLinks
from bridge.delivery.extras import ChannelExtras, extras_from
from bridge.delivery.options import ChannelOptions
from bridge.journal.location import passwords_of
from bridge.journal.members import COURIER, Member
from bridge.journal.membership import Membership
from bridge.tracing.counts import SpanCounts
from bridge.tracing.settings import TraceSettings

if TYPE_CHECKING:
    from bridge.courier.courier import Courier


@dataclass(frozen=True, slots=True)
class Settings:
    """What the router wrote, as decoded JSON."""

    values: Mapping[str, Any]
    masked: frozenset[str] = frozenset()
    """Secrets of earlier settings, which may still appear in errors."""

    @property
    def channels(self) -> Mapping[str, str]:
        """The URL of each channel."""
        channels: Mapping[str, str] = self.values["channels"]
        return channels

    @property
    def options(self) -> dict[str, ChannelOptions]:
        """The options of each channel."""
        return msgspec.convert(self.values.get("options", {}), dict[str, ChannelOptions])

    @property
    def extras(self) -> dict[str, ChannelExtras]:
        """Certificates and bodies, of the channels that have any."""
        return extras_from(self.values.get("extras", {}))

    @property
    def secret_texts(self) -> frozenset[str]:
        """The texts that no output may show."""
        of_extras = (each.secrets for each in self.extras.values())
        headers = () if self.traces is None else self.traces.headers.values()
        passwords = passwords_of(self.values)
        return self.masked.union(
            *(secrets_in(url) for url in self.channels.values()), *of_extras, *map(forms_of, (*headers, *passwords))
        )

    @property
    def traces(self) -> TraceSettings | None:
        """Where spans are sent; None while traces are off."""
        return msgspec.convert(self.values.get("traces"), TraceSettings | None)

    def span_counts(self) -> SpanCounts:
        """The counters that the router reads."""
        return SpanCounts(self.values.get("span_counts"))

    def configure_logging(self) -> None:
        """Log as these settings say."""
        log = self.values["log"]
        configure_logging(log["level"], log["format"], self.secret_texts)

    def opened(self) -> dict[str, Channel]:
        """The channels, opened."""
        return self.open(self.channels)

    def member(self) -> Member | None:
        """The courier's process as a member of a fleet; None where there is none."""
        fleet = self.values.get("fleet")
        if fleet is None:
            return None
        member_id = f"{fleet['bridge']}-courier-{secrets.token_hex(2)}"
        return Member(member_id, fleet["bridge"], socket.gethostname(), fleet["version"], os.getpid(), (COURIER,),
                      fleet["lease_seconds"])  # fmt: skip

    def lease_channels(self, courier: Courier, membership: Membership) -> LeasedChannels:
        """The channels that this courier shares with others."""
        return LeasedChannels(courier, membership, self.options, self.open, self.channels)

    def followed_by(self, values: Mapping[str, Any], courier: Courier, leased: LeasedChannels | None) -> Settings:
        """The next settings. The courier gets the channels that are new or have changed, and their names.

        Where couriers share the channels, it gets those that are ``leased``.
        """
        following = Settings(values, self.secret_texts)
        following.configure_logging()
        options, now = self.options, following.options
        extras, extras_now = self.extras, following.extras
        is_for_all = any(self.values.get(key) != values.get(key) for key in ("labels", "allow", "acknowledge"))
        changed = {
            name: url
            for name, url in following.channels.items()
            if is_for_all
            or self.channels.get(name) != url
            or options.get(name) != now.get(name)
            or extras.get(name) != extras_now.get(name)
        }
        if leased is None:
            courier.configure(list(following.channels), following.open(changed), now)
        else:
            leased.use(now, following.open, following.channels, changed)
        courier.tracer.use(following.traces)
        return following

    def open(self, urls: Mapping[str, str]) -> dict[str, Channel]:
        """Channels, opened, given their URLs by name."""
        opened = open_channels(urls, self.values["labels"], from_settings(self.values["allow"]), self.extras)
        if (settings := self.values.get("acknowledge")) is None:
            return opened
        links = AckLinks(settings["url"], settings["lifetime_ns"], bytes.fromhex(settings["key"]))
        return {name: LinkedChannel(channel, links) for name, channel in opened.items()}
