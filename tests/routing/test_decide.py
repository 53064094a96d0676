"""From matched routes to decisions and notifications."""

from __future__ import annotations

from bridge.alert import Alert, Priority
from bridge.routing import Reason, Routed
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.support import builders

TEXT = """
route "first" { when rule = a to x, y title "one" severity notice }
route "second" { when rule = a to y, z title "two" severity critical }
route "quiet" { when rule = b drop }
route "own" { when source = internal to x }
otherwise { to z }
"""


def alert(rule: str, source: str = "syscall") -> Alert:
    return builders.alert(rule=rule, source=source, priority=Priority.WARNING)


def routed(text: str, what: Alert) -> Routed:
    return Router(builders.program_of(text), {}).step(State(), what, 0)


def test_a_channel_gets_one_notification() -> None:
    """With the first route's text, the highest severity and the names of all routes."""
    sent = {each.channel: each for each in routed(TEXT, alert("a")).notifications}
    assert set(sent) == {"x", "y", "z"}
    assert (sent["y"].title, sent["y"].severity, sent["y"].routes) == ("one", Priority.CRITICAL, ("first", "second"))
    assert (sent["x"].severity, sent["z"].title) == (Priority.NOTICE, "two")


def test_each_decision_has_its_reason() -> None:
    """Sent, dropped, or unmatched with the channels of ``otherwise``."""
    sent = routed(TEXT, alert("a")).decisions
    assert [(each.route, each.reason, each.channels) for each in sent] == [
        ("first", Reason.SENT, ("x", "y")),
        ("second", Reason.SENT, ("y", "z")),
    ]
    assert [(each.reason, each.channels) for each in routed(TEXT, alert("b")).decisions] == [(Reason.DROPPED, ())]
    (unmatched,) = routed(TEXT, alert("c")).decisions
    assert (unmatched.route, unmatched.reason, unmatched.channels) == ("otherwise", Reason.UNMATCHED, ("z",))


def test_internal_alerts_reach_only_routes_that_test_for_them() -> None:
    """``otherwise`` does not apply to them."""
    assert [each.route for each in routed(TEXT, alert("a", "internal")).decisions] == ["own"]
    without = TEXT.replace('route "own" { when source = internal to x }', "")
    assert routed(without, alert("c", "internal")) == Routed((), ())
