"""The indexer's process brings the index up to the journal while the bridge runs."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from bridge.history.index.folder import IndexFolder
from bridge.history.search import Search
from bridge.history.wanted import Wanted
from bridge.journal.opening import open_for_router
from bridge.pipeline.services.history_index import HistoryIndex
from tests.support.builders import entries
from tests.support.limits import no_descriptors
from tests.support.waiting import wait_until


def test_the_process_indexes_what_is_stored_and_ends_with_the_bridge(tmp_path: Path) -> None:
    """What was stored before it started, and what is stored later; what is purged is removed at once."""
    path = tmp_path / "journal.db"
    journal = open_for_router(path)
    journal.alerts.append("s", 5, entries(*range(100)))
    index = HistoryIndex(path, {"level": "info", "format": "json"}, start_seconds=0.0)
    folder = IndexFolder(path)
    index.start()
    try:
        wait_until(lambda: folder.path.is_dir() and folder.lag(journal.history.span()) == 0, "the index")
        journal.alerts.append("s", 5, entries(*range(100, 150)))
        wait_until(lambda: folder.lag(journal.history.span()) == 0, "the later alerts")
        assert sum(each.covered.alerts for each in folder.segments()) == 150
        wanted = Wanted(words=frozenset({"149"}))
        assert [each.number for each in Search(journal.history, folder).newest(wanted, journal.history.span())] == [150]
        index.removed(1)
        assert not folder.files()
        assert folder.floor() == 150
    finally:
        index.close()
        journal.close()
    assert (folder.path.stat().st_mode & 0o777) == 0o700


def test_a_process_that_cannot_be_started_is_started_later(tmp_path: Path) -> None:
    """The machine may have had no descriptor, process or memory for it."""
    path = tmp_path / "journal.db"
    journal = open_for_router(path)
    journal.alerts.append("s", 5, entries(*range(100)))
    index = HistoryIndex(path, {"level": "info", "format": "json"}, start_seconds=0.0)
    folder = IndexFolder(path)
    try:
        with capture_logs() as logs, no_descriptors():
            index.start()
            wait_until(lambda: any(each["event"] == "indexer not started" for each in logs), "a failed start")
        wait_until(lambda: folder.path.is_dir() and folder.lag(journal.history.span()) == 0, "the index")
    finally:
        index.close()
        journal.close()
