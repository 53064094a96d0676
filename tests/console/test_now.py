"""The page Now, rendered from given values."""

from __future__ import annotations

import re
from types import SimpleNamespace

from bridge.console.view import render
from bridge.operator.model.incidents import IncidentStatus

SECOND = 1_000_000_000


def test_an_escalation_that_a_silence_holds_back_is_not_shown_as_if_it_were_to_come() -> None:
    """In the words of ``incidents``."""
    incident = IncidentStatus(
        id="0" * 16, route="r", key="k", state="open", severity="Warning", count=1, opened_ns=1, matched_ns=1,
        channels=["chat"], next_escalation_ns=60 * SECOND, actor="", changed_ns=1, alert_id="0" * 32,
    )  # fmt: skip
    frame = {
        "here": SimpleNamespace(path="/", title="Now"),
        "menu": [],
        "signed_in": False,
        "may_write": False,
        "visitor": None,
    }
    values = {"problem": "", "status": None, "groups": [("Open incidents", [incident], 0)], "facts": {}}

    def words(now_ns: int) -> str:
        return re.sub(r"<[^>]+>", "", render("now.html", frame | values | {"now_ns": now_ns}))

    assert "escalates at 1970-01-01 00:01:00 UTC" in words(30 * SECOND)
    assert "escalation due since 1970-01-01 00:01:00 UTC: a silence holds it back until the next match" in words(
        120 * SECOND
    )
