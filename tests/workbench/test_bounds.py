"""Bounds: how they are written, and what is counted."""

from __future__ import annotations

import pytest

from bridge.routing.router import Router
from bridge.workbench.alert_files import Line
from bridge.workbench.bounds import Bound, RoutingCounts, parse_bound, unknown_bounds
from tests.support.builders import alert, program_of

TEXT = """
route "a b" { when rule = a to pager }
route "m" { when rule = m to pager, chat throttle 1 per 1h }
otherwise { to archive }
"""


def counts(*rules: str) -> RoutingCounts:
    counted = RoutingCounts(Router(program_of(TEXT), {}))
    counted.add(Line(alert(number, rule=rule), b"", number) for number, rule in enumerate(rules))
    return counted


@pytest.mark.parametrize(
    ("text", "channel", "name", "comparison", "count"),
    [
        ("a b exactly 3", False, "a b", "exactly", 3),
        ('"to do" at most 10', False, "to do", "at most", 10),
        (" to pager at least 1 ", True, "pager", "at least", 1),
    ],
)
def test_a_bound_names_a_route_or_a_channel(text: str, channel: bool, name: str, comparison: str, count: int) -> None:
    """Quotes are optional, except for a route whose name starts with `to`."""
    bound = parse_bound(text)
    assert (bound.channel, bound.name, bound.comparison, bound.count) == (channel, name, comparison, count)


@pytest.mark.parametrize("text", ["", "a b", "a b exactly", "a b exactly -1", "a b around 3"])
def test_another_form_is_an_error_that_shows_the_form(text: str) -> None:
    """On the command line, argparse prints it."""
    with pytest.raises(ValueError, match="write 'ROUTE exactly N'"):
        parse_bound(text)


@pytest.mark.parametrize(("comparison", "holding"), [("exactly", {2}), ("at most", {0, 1, 2}), ("at least", {2, 3})])
def test_what_each_comparison_holds_of(comparison: str, holding: set[int]) -> None:
    """The bound itself is within all three."""
    bound = parse_bound(f"r {comparison} 2")
    assert {count for count in range(4) if bound.holds(count)} == holding


def test_routes_and_channels_are_counted() -> None:
    """``otherwise`` too."""
    counted = counts("a", "a", "x")
    for text in ("a b exactly 2", "to pager exactly 2", "otherwise exactly 1", "to archive exactly 1", "m exactly 0"):
        assert counted.failure(parse_bound(text)) is None, text
    assert counted.failure(parse_bound("to pager at least 3")) == "expected at least 3, counted 2 notifications"
    assert counted.failure(parse_bound("to archive exactly 2")) == "expected exactly 2, counted 1 notification"


def test_clauses_with_memory_count_what_they_send() -> None:
    """In the time of the recorded alerts; what is held at their end is sent."""
    counted = counts("m", "m", "m")
    counted.finish()
    assert counted.failure(parse_bound("m exactly 3")) is None
    assert counted.failure(parse_bound("m exactly 2")) == "expected exactly 2, counted 3 matches"
    assert counted.failure(parse_bound("to chat exactly 2")) is None


def test_names_that_the_program_does_not_have_are_found() -> None:
    """A bound on a misspelt channel would always hold."""
    bounds: list[Bound] = [
        parse_bound(f"{name} exactly 0") for name in ("a b", "ab", "otherwise", "to pager", "to pagr")
    ]
    assert [bound.name for bound in unknown_bounds(bounds, program_of(TEXT))] == ["ab", "pagr"]
