"""Untrusted text: invisible characters, length, mentions and right-to-left letters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.common.text import WORD_JOINER, escape_mentions, isolated, one_line, shortened, visible, without_isolates

HEBREW = "\u05e9\u05dc\u05d5\u05dd"
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(st.characters(), max_size=200))
def test_visible_text_has_no_invisible_characters(text: str) -> None:
    """Surrogates included; visible characters are not changed."""
    result = visible(text)
    assert not [char for char in result if unicodedata.category(char) in INVISIBLE]
    assert visible(result) == result


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("\x1b[2J", "\\x1b[2J"), ("a\u202eb", "a\\u202eb"), ("\U000e0041", "\\U000e0041"), ("\u3164", "\\u3164")],
)
def test_an_invisible_character_is_shown_as_its_escape(text: str, escaped: str) -> None:
    """Two, four or eight digits."""
    assert visible(text) == escaped


def test_kept_characters_are_not_escaped() -> None:
    """Line ends, in text of several lines."""
    assert visible("a\nb\r", keep="\n") == "a\nb\\x0d"


@given(st.text(max_size=300), st.integers(0, 100))
def test_shortened_text_keeps_both_ends(text: str, length: int) -> None:
    """At most ``length`` characters; a text that fits is not changed."""
    assert shortened("abcdefghij", 5) == "ab…ij"
    result = shortened(text, length)
    assert len(result) <= length
    if len(text) <= length:
        assert result == text
    elif length > 3:
        assert (result[0], result[-1]) == (text[0], text[-1])


def test_a_line_is_bounded_after_escaping() -> None:
    """An escape is longer than its character."""
    assert one_line("a\nb", 10) == "a\\x0ab"
    assert len(one_line("\x00" * 1_000_000, 100)) == 100


def test_mentions_are_separated_from_their_sign() -> None:
    """For every service: ``@here``, ``<!channel>``, ``<users/all>``."""
    assert escape_mentions("@here <!channel>") == f"@{WORD_JOINER}here <{WORD_JOINER}!channel>"


def test_only_right_to_left_text_is_isolated() -> None:
    """The isolates can be removed again for programs."""
    assert isolated("root") == "root"
    assert isolated("größe") == "größe"
    assert isolated(HEBREW) == f"\u2068{HEBREW}\u2069"
    assert without_isolates(isolated(HEBREW)) == HEBREW
