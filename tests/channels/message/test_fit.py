"""Fitting values, rows and digests into a limit."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.channels.message.compose import message_of
from bridge.channels.message.fit import alert_lines, fit_escaped, fit_facts, length_limit, more_fields
from bridge.channels.message.message import Fact
from tests.channels.deliveries import make_delivery


@given(st.lists(st.integers(0, 5000), max_size=50), st.integers(0, 20_000))
def test_only_the_longest_values_are_cut(lengths: list[int], room: int) -> None:
    """The total fits, and no room is left that a value could have used."""
    limit = length_limit(lengths, room)
    used = sum(min(length, limit) for length in lengths)
    assert used <= room or sum(lengths) <= room
    assert sum(lengths) <= room or room - used < len(lengths)


@given(
    st.lists(st.builds(Fact, st.text(min_size=1, max_size=20), st.text(max_size=400)), max_size=60),
    st.integers(0, 4000),
)
def test_rows_fit_and_the_rest_is_counted(facts: list[Fact], room: int) -> None:
    """The order is kept."""
    rows, left_out = fit_facts(facts, room, 3)
    assert len(rows) + left_out == len(facts)
    assert [row.name for row in rows] == [fact.name for fact in facts[: len(rows)]]
    assert sum(len(row.name) + len(row.value) + 3 for row in rows) <= room


def test_a_digest_counts_the_alerts_that_it_cannot_list() -> None:
    """No alert disappears silently."""
    deliveries = [make_delivery(number, rule=f"Rule {number}") for number in range(3)]
    digest = message_of(deliveries, {})
    text = alert_lines(replace(digest, alerts=digest.alerts * 100), 1000)
    assert len(text) <= 1000
    assert text.endswith(f"… and {300 - text.count(chr(10))} more (see the journal)")


def group_digest(route: str, limit: int, room: int) -> str:
    """The lines of a digest of nine alerts, of which it names ``limit``."""
    message = replace(message_of([make_delivery(1)], {}), own_text=True, text="alice ran\nrm -rf")
    listing = f"falco-bridge history --route {route}"
    return alert_lines(replace(message, alerts=(message,) * limit, unnamed=9 - limit, listing=listing), room)


def test_a_digest_shows_the_routes_own_text_and_the_command_that_lists_the_rest() -> None:
    """A text of several lines is one line, so that none of it looks like another alert."""
    (first, second, rest) = group_digest("it", 2, 1000).splitlines()
    assert first == second
    assert first.endswith(" — alice ran rm -rf")
    assert rest == "… and 7 more: falco-bridge history --route it"
    assert "more" not in group_digest("it", 9, 1000)


@given(st.integers(1, 60), st.integers(1, 9), st.integers(60, 1000))
def test_the_command_of_a_digest_gives_way_to_its_alerts(route: int, limit: int, room: int) -> None:
    """Everything fits, and the number of alerts without a line is exact."""
    text = group_digest("r" * route, limit, room)
    *lines, rest = text.splitlines() if limit < 9 or "… and" in text else [*text.splitlines(), "… and 0 more"]
    assert len(text) <= room
    assert rest.startswith(f"… and {9 - len(lines)} more")


@given(st.text(alphabet="&<>ab", max_size=300), st.integers(1, 100))
@example("&", 1)
def test_an_escape_is_never_cut(text: str, most: int) -> None:
    """The text is cut before it is escaped."""
    result = fit_escaped(text, most, lambda part: part.replace("&", "&amp;"))
    assert len(result) <= most
    assert result.count("&") == result.count("&amp;")


def test_the_note_about_left_out_fields_has_the_right_number() -> None:
    """Singular and plural."""
    assert [more_fields(count) for count in (1, 2)] == ["and 1 more field", "and 2 more fields"]
