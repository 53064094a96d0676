"""The pages while the bridge does not answer."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from bridge.console.ask import Ask, Page
from bridge.console.backtest.runs import Backtests
from bridge.console.data.channel_tests import ChannelTests
from bridge.console.data.reader import Reader
from bridge.console.pages import channels, now
from bridge.console.visitors.access import Visitor
from bridge.history.recent_hits import HitCounter
from bridge.operator.client import AdminClient


@pytest.mark.parametrize("page", [now.PAGES[0], channels.PAGES[0]], ids=["now", "channels"])
def test_a_bridge_that_does_not_answer_is_asked_once(tmp_path: Path, page: Page) -> None:
    """Each question waits for half a minute."""
    path = tmp_path / "a.sock"
    asked = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def close_each() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                asked.append(connection)
                connection.close()

        thread = threading.Thread(target=close_each)
        thread.start()
        journal = tmp_path / "j.db"
        ask = Ask(
            {"letter": "1"}, Reader(journal), AdminClient(path), Visitor("alice", "", may_write=True),
            Backtests(str(tmp_path / "c.yaml")), HitCounter(journal), ChannelTests(), may_write=True,
        )  # fmt: skip
        values = page.values(ask)
        assert values is not None
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "closed the connection" in str(values["problem"])
    assert len(asked) == 1
