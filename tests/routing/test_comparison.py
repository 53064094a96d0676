"""The comparison of notifications: what counts as the same one, and what waits for its counterpart."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.alert import Priority
from bridge.routing import Notification, NotificationContext, NotificationKind
from bridge.routing.comparison import PENDING, Comparison, Difference, Notified
from tests.support.builders import notification

DIGEST = NotificationContext(NotificationKind.DIGEST, 3)


def sent(alert_id: str, what: Notification | None = None, at_ns: int = 0) -> Notified:
    return Notified(what or notification("pager", "r"), at_ns, alert_id, None)


def said(differences: Iterable[Difference]) -> list[tuple[str, str, str, str]]:
    return [(each.change.value, each.channel, each.route, each.notified.alert_id) for each in differences]


def test_what_only_one_side_sends_is_gained_or_lost_for_the_channel_and_the_route() -> None:
    """At once, where no counterpart may come later."""
    comparison = Comparison(patient=False)
    assert said(comparison.compare([sent("a")], [sent("b")])) == [
        ("lost", "pager", "", "a"), ("lost", "pager", "r", "a"), ("gained", "pager", "", "b"), ("gained", "pager", "r", "b"),
    ]  # fmt: skip


def test_another_route_to_the_same_channel_is_no_change_of_the_channel() -> None:
    """A notification that several routes share counts for each of them."""
    both = notification("pager", "r", "s")
    assert said(Comparison(patient=False).compare([sent("a")], [sent("a", both)])) == [("gained", "pager", "s", "a")]


def test_another_severity_or_text_changes_the_notification_of_the_channel() -> None:
    """Not those of its routes: the text is that of all of them."""
    worse = notification("pager", "r", severity=Priority.CRITICAL)
    assert said(Comparison(patient=False).compare([sent("a")], [sent("a", worse)])) == [("changed", "pager", "", "a")]
    titled = notification("pager", "r", title="%rule")
    assert said(Comparison(patient=False).compare([sent("a")], [sent("a", titled)])) == [("changed", "pager", "", "a")]
    assert said(Comparison(patient=False).compare([sent("a")], [sent("a")])) == []


def test_a_counterpart_may_come_later_in_either_direction() -> None:
    """Then nothing is gained or lost, and a change of its text is still found."""
    worse = notification("pager", "r", severity=Priority.CRITICAL)
    comparison = Comparison(patient=True)
    assert said(comparison.compare([sent("a")], [sent("b")])) == []
    assert said(comparison.compare([], [sent("a", worse)])) == [("changed", "pager", "", "a")]
    assert said(comparison.compare([sent("b")], [])) == []
    assert said(comparison.finish()) == []


def test_a_digest_is_not_the_single_notification_of_its_alert() -> None:
    """Both are reported at the end."""
    digest = Notification("pager", ("r",), Priority.ERROR, context=DIGEST)
    comparison = Comparison(patient=True)
    assert said(comparison.compare([sent("a")], [sent("a", digest)])) == []
    assert {each[0] for each in said(comparison.finish())} == {"lost", "gained"}


def test_what_waits_is_bounded_and_can_be_reported_by_age() -> None:
    """The oldest are reported without their counterpart."""
    comparison = Comparison(patient=True)
    found = [said(comparison.compare([sent(str(number), at_ns=number)], [])) for number in range(PENDING)]
    assert sum(map(len, found)) == PENDING
    assert found[-1][0][3] == str(PENDING // 2 - 1)
    middle = PENDING * 3 // 4
    assert {int(each[3]) for each in said(comparison.finish(middle))} == set(range(PENDING // 2, middle))
    assert {int(each[3]) for each in said(comparison.finish())} == set(range(middle, PENDING))
