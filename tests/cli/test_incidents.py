"""What ``incidents`` prints."""

from __future__ import annotations

from bridge.cli.printing.incidents import incident_lines
from bridge.operator.model.incidents import IncidentStatus

SECOND = 1_000_000_000


def test_an_escalation_that_a_silence_holds_back_is_not_announced_for_a_time_in_the_past() -> None:
    """It is sent when the incident next matches after the silence."""
    incident = IncidentStatus(
        id="0" * 16, route="r", key="k", state="open", severity="Warning", count=1, opened_ns=0, matched_ns=0,
        channels=["chat"], next_escalation_ns=60 * SECOND, actor="", changed_ns=0, alert_id="0" * 32,
    )  # fmt: skip
    before, after = ("\n".join(incident_lines(incident, at * SECOND)) for at in (30, 120))
    assert before.endswith("notified chat, escalates 1970-01-01 00:01:00 UTC")
    assert after.endswith("due since 1970-01-01 00:01:00 UTC: a silence holds it back until the next match")
