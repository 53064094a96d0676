"""The pages while the bridge does not answer, or the journal cannot be read."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.console.app import Console, console_app
from bridge.console.ask import Ask, Page
from bridge.console.backtest.runs import Backtests
from bridge.console.data.channel_tests import ChannelTests
from bridge.console.data.reader import Reader
from bridge.console.pages import channels, now
from bridge.console.visitors.access import Access, Visitor
from bridge.history.recent_hits import HitCounter
from bridge.operator.client import AdminClient
from bridge.operator.serving.connection import ServedSockets
from tests.operator.serving import ask_unix, served, unix_sockets
from tests.support.waiting import wait_until


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


def test_a_tail_without_a_journal_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stream that fails later ends, and the browser tries again. Neither is a fault in the log."""
    path, journal = tmp_path / "c.sock", tmp_path / "j.db"
    console = Console(Reader(journal), AdminClient(tmp_path / "a"), Access(is_unix=True), Backtests("c.yaml"))
    with served(ServedSockets(unix_sockets(path), console_app(console))):
        status, _, body = ask_unix(path, "GET", "/tail")
        assert (status, b"there is no journal" in body) == (503, True)
        assert ask_unix(path, "GET", "/tail/events")[::2] == (200, b"")
    assert capsys.readouterr() == ("", "")


def test_few_pages_are_made_at_a_time(tmp_path: Path) -> None:
    """While the bridge hangs, visitors who load a page again do not take a thread each time."""
    path, admin = tmp_path / "c.sock", tmp_path / "a.sock"
    console = Console(Reader(tmp_path / "j.db"), AdminClient(admin), Access(is_unix=True), Backtests("c.yaml"))
    app = ServedSockets(unix_sockets(path), console_app(console))
    with socket.socket(socket.AF_UNIX) as hanging, served(app), ThreadPoolExecutor(20) as asking:
        hanging.bind(str(admin))
        hanging.listen(100)
        asked = [asking.submit(ask_unix, path, "GET", "/") for _ in range(20)]
        wait_until(lambda: sum(each.done() for each in asked) == 4, "four refusals")
        assert {each.result()[0] for each in asked if each.done()} == {503}
        hanging.close()
        assert sorted(each.result()[0] for each in asked) == [200] * 16 + [503] * 4
