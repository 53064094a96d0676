"""The sources of a running bridge, as a reload changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.common.net.listening import ListeningSockets
from bridge.config.schema.sources import FileSettings
from bridge.config.schema.values import FilePattern
from bridge.daemon import running_sources
from bridge.daemon.running_sources import RunningSources, SourceChanges
from bridge.daemon.sources import OpenJournal, Prepared, prepare_source
from bridge.journal import JournalBusyError
from bridge.sources.contract import Source
from tests.sources.collector import Collector
from tests.support.builders import falco_json
from tests.support.waiting import wait_until


def settings_of(path: Path) -> FileSettings:
    return FileSettings(name="files", file=FilePattern(str(path), str(path)), read_from="start")


def test_a_changed_source_is_made_once_the_journal_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not be read until the next start of the bridge, and nothing would say so."""
    monkeypatch.setattr(running_sources, "RESTART_SECONDS", 0.01)
    faults: list[JournalBusyError] = []
    first, second = settings_of(tmp_path / "first"), settings_of(tmp_path / "second")
    (tmp_path / "second").write_bytes(falco_json(rule="r") + b"\n")
    taken = Collector()

    def checkpoint(_name: str) -> dict[str, str]:
        if faults:
            raise faults.pop()
        return {}

    def made(prepared: Prepared) -> Source:
        return prepared(OpenJournal(checkpoint))

    sources = RunningSources([first], [prepare_source(first, ListeningSockets())], made)
    sources.start(taken, 60.0)
    faults += [JournalBusyError("the disk does not answer")] * 2
    sources.replace(SourceChanges([second], {"files": prepare_source(second, ListeningSockets())}), 60.0)
    wait_until(lambda: [each.rule for each in taken.alerts] == ["r"], "the alert of the changed source")
    assert not faults
    sources.stop(handing_over=False)
    wait_until(lambda: not sources.are_alive, "the end")
