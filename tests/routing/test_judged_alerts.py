"""Silences remember which of their conditions hold for the latest alerts that they judged."""

from __future__ import annotations

import pytest

from bridge.routing import silences as room
from bridge.routing.silences import Silence, Silences
from tests.routing.memory.harness import condition
from tests.support.builders import alert


def test_a_judged_alert_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """While its silence acts it is held back. The oldest judgements are forgotten; such alerts are read again."""
    monkeypatch.setattr(room, "_MOST_JUDGED", 4)
    silences = Silences([Silence("s", condition("proc.name = p1"), 10, 20)], {})
    alerts = [alert(number, fields={"proc.name": f"p{number % 2}"}) for number in range(6)]
    for each in alerts:
        silences.judge(each)
    assert [silences.knows(each.id) for each in alerts] == [False, False, True, True, True, True]
    asked = silences.asked_of({alerts[1].id: alerts[1]}, 15)
    assert [asked(each.id) for each in alerts] == [None, "s", None, "s", None, "s"]
    late = silences.asked_of({}, 20)
    assert [late(each.id) for each in alerts] == [None] * 6
