"""Channels and their tests, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bridge.operator.model.base import Answer, Request
from bridge.operator.model.status import ChannelStatus


class ChannelList(Answer, frozen=True):
    """All channels of the config."""

    items: list[ChannelStatus]


class TestChannel(Request, frozen=True):
    """Which channel to test."""

    __test__ = False

    channel: str


class ChannelTestResult(Answer, frozen=True):
    """What the channel answered to a test message."""

    verdict: Annotated[str, Meta(description="`delivered` if the channel accepted the message.")]
    status: Annotated[int | None, Meta(description="The status of the answer (HTTP or SMTP), if there was one.")]
    reason: str
    seconds: float
    bridge: Annotated[str, Meta(description="The bridge of the fleet that sent it; empty without a fleet.")] = ""
    note: Annotated[str, Meta(description="Why that bridge, where another one delivers to the channel.")] = ""
