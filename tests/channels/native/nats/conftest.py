"""Fixtures: a nats-server, and channels that are closed at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.channels.contract import Channel
from tests.support.nats_server import Server, nats_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with nats_server(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[list[Channel]]:
    channels: list[Channel] = []
    yield channels
    for each in channels:
        each.close()
