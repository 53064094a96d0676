"""How decisions are written to the journal and read back."""

from __future__ import annotations

import pytest

from bridge.alert import Priority
from bridge.journal.codec import (
    decode_decisions,
    decode_notification,
    encode_decisions,
    encode_notification,
    replace_pending,
)
from bridge.language.program.link import Link
from bridge.routing import Decision, Notification, NotificationContext, NotificationKind, Reason


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


def test_decisions_of_a_newer_version_are_read_and_stay_as_they_are() -> None:
    """A bridge of a fleet may run a newer version: a reason and a field that this one does not know."""
    newer = b'[["r","of_tomorrow",["a"],"2 of 3","i",7],["q","pending",[],"","",{"x":1}],["p","pending"]]'
    assert [each.reason for each in decode_decisions(newer)] == [Reason.UNKNOWN, Reason.PENDING, Reason.PENDING]
    replaced = replace_pending(newer, [Decision("q", Reason.SENT, ("a",)), Decision("r", Reason.SENT)])
    assert replaced == b'[["r","of_tomorrow",["a"],"2 of 3","i",7],["q","sent",["a"],"",""],["p","pending"]]'


def test_a_notification_of_a_newer_version_is_about_its_alert() -> None:
    """Of a kind that this version does not know, with fields that it does not know."""
    newer = b'{"routes":["r"],"severity":3,"tone":"low","context":{"kind":"forecast","count":3,"until":"x"}}'
    context = NotificationContext(NotificationKind.SINGLE, count=3)
    assert decode_notification("c", newer) == Notification("c", ("r",), Priority.ERROR, context=context)
