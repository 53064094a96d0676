"""Places as editors count them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.editor.lines import Lines, Place


@given(st.text(alphabet="ab\né😀\r", max_size=40))
def test_a_place_is_that_of_its_offset(text: str) -> None:
    """Columns are UTF-16 code units, as Python's own encoder counts them."""
    lines = Lines(text)
    for offset in range(len(text) + 1):
        before = text[:offset].rpartition("\n")[2]
        expected = Place(text.count("\n", 0, offset), len(before.encode("utf-16-le")) // 2)
        assert lines.place(offset) == expected
        if text[offset - 1 : offset] != "\r":  # an editor has no place between the two characters of a line's end
            assert lines.offset(expected) == offset


def test_places_beyond_the_text_are_its_ends() -> None:
    """Of a line and of the text; between the two halves of a wide character is behind it."""
    lines = Lines("ab\n😀c")
    assert lines.offset(Place(0, 99)) == 2
    assert lines.offset(Place(9, 0)) == 5
    assert lines.offset(Place(1, 1)) == 4
