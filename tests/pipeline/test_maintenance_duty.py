"""Of the bridges that share a journal one does the maintenance; the others follow what it removes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bridge.journal.opening import open_for_router
from bridge.journal.retention import RetentionPolicy
from bridge.pipeline.services import maintenance
from bridge.pipeline.services.maintenance import JournalMaintenance
from tests.support.builders import entries
from tests.support.waiting import wait_until


@pytest.mark.parametrize("on_duty", [True, False])
def test_only_the_bridge_on_duty_removes_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_duty: bool) -> None:
    """The others remove from their index what is gone from the journal."""
    monkeypatch.setattr(maintenance, "_ROUND_SECONDS", 0.01)
    removed: list[int] = []
    with closing(open_for_router(tmp_path / "journal.db")) as journal:
        journal.alerts.append("falco", 0, entries(1, 2, 3))
        service = JournalMaintenance(
            journal.maintenance, lambda action: action(), RetentionPolicy(size=10**12), on_removed=removed.append,
            on_duty=lambda: on_duty, first_number=lambda: 8,
        )  # fmt: skip
        service.start()
        wait_until(lambda: bool(removed), "a round")
        service.close()
    assert removed[0] == (2 if on_duty else 7)
