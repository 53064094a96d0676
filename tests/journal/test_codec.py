"""How decisions are written to the journal and read back."""

from __future__ import annotations

import pytest

from bridge.alert import Priority
from bridge.journal.codec import decode_decisions, decode_notification, encode_decisions, encode_notification
from bridge.language.program.link import Link
from bridge.routing import Decision, Notification, NotificationContext, Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_a_decision_is_read_back_as_it_was_written(reason: Reason) -> None:
    """With every reason there is."""
    decisions = (Decision("r", reason, ("a", "b")), Decision("q", reason))
    assert decode_decisions(encode_decisions(decisions)) == decisions


def test_a_notification_is_read_back_as_it_was_written() -> None:
    """With the rows and links of its route; those of older journals have none."""
    links = (Link("Runbook", "%owners.runbook"), Link("Logs", "https://a.example/?pod=%k8s.pod.name"))
    context = NotificationContext(count=3, values={"audit.ka.user.name": "eve"}, alerts=("a", "b"))
    notification = Notification(
        "c", ("r", "s"), Priority.ERROR, "t", "m", context=context, fields=("proc.name", "2.rule"), links=links
    )
    assert decode_notification("c", encode_notification(notification)) == notification
    plain = Notification("c", ("r",), Priority.ERROR)
    assert encode_notification(plain) == b'{"routes":["r"],"severity":3}'
    assert decode_notification("c", b'{"routes":["r"],"severity":3}') == plain


def test_the_old_word_notified_is_read_as_sent() -> None:
    """Journals of format 3 hold it."""
    old = b'[["r","notified",["a"]],["q","dropped",[]],["otherwise","unmatched",["z"]]]'
    assert decode_decisions(old) == (
        Decision("r", Reason.SENT, ("a",)),
        Decision("q", Reason.DROPPED),
        Decision("otherwise", Reason.UNMATCHED, ("z",)),
    )
