"""Two sets of routes over the same alerts, with memory and in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.routing.comparison import Change
from bridge.routing.router import Router
from bridge.workbench.replay import recording
from bridge.workbench.replay.difference import DifferenceTally, TwoSets, replay_both
from bridge.workbench.replay.parts import Plan
from bridge.workbench.replay.recording import parts_of
from bridge.workbench.replay.replay import Replay
from tests.support.builders import program_of
from tests.workbench.replay.test_replay import PLAIN, alerts, lines_of


def compared(old: str, new: str, path: str, *, processes: int = 1) -> DifferenceTally:
    sets = TwoSets(*(Replay(Router(program_of(text), {}), {}) for text in (old, new)))
    return replay_both(sets, Plan(tuple(parts_of([path], recording.ALWAYS)), processes=processes))


def counts(tally: DifferenceTally, channel: str, route: str = "") -> tuple[int, int, int, int]:
    row = tally.differences.rows[channel, route]
    return row.old, row.new, row.changes[Change.GAINED], row.changes[Change.LOST]


def test_a_throttle_loses_what_it_holds_back_and_gains_its_summaries(tmp_path: Path) -> None:
    """120 alerts in two minutes; the throttle lets some through and sums up the others."""
    old = 'route "t" { when rule exists to pager }\n'
    tally = compared(old, old.replace("to pager", "to pager throttle 5 per 1m"), lines_of(tmp_path, alerts(120)))
    before, after, gained, lost = counts(tally, "pager", "t")
    assert (before, before - lost + gained) == (120, after)
    assert 0 < gained < 16
    assert {each.kind for each in tally.differences.rows["pager", "t"].samples[Change.GAINED].found} == {"summary"}


def test_a_notification_that_is_only_later_does_not_differ(tmp_path: Path) -> None:
    """``unless … wait`` holds each alert back for a while, and none is suppressed."""
    old = 'route "t" { when rule = shell to pager }\n'
    new = old.replace("to pager", "to pager unless rule = nothing within 1m by hostname wait 30s")
    tally = compared(old, new, lines_of(tmp_path, alerts(60)))
    assert counts(tally, "pager") == (20, 20, 0, 0)
    assert not tally.differences.differs


def test_parts_in_several_processes_give_the_same_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without memory on either side."""
    path, new = lines_of(tmp_path, alerts(300)), PLAIN.replace("to pager, archive", "to pager")
    alone = compared(PLAIN, new, path)
    monkeypatch.setattr(recording, "_PART_BYTES", 5001)
    divided = compared(PLAIN, new, path, processes=2)
    assert counts(alone, "archive") == (200, 150, 0, 50)
    assert counts(alone, "archive", "shells") == (100, 0, 0, 100)
    for key, row in alone.differences.rows.items():
        other = divided.differences.rows[key]
        assert (row.old, row.new, row.changes) == (other.old, other.new, other.changes)
        assert all(row.samples[each].by_time() == other.samples[each].by_time() for each in Change)
