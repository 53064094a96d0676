"""Values of recent alerts as an editor shows them. Attackers choose them."""

from __future__ import annotations

from bridge.editor.recorded.examples import example_text
from bridge.history.recent_values import FieldValues, RecentValues


def shown(*values: str, distinct: int = 0) -> str:
    field = FieldValues(3, distinct or len(values), tuple((value, 1) for value in values))
    return example_text("f", RecentValues(4, 1_700_000_000_000_000_000, {"f": field}))


def test_values_are_a_block_of_code_with_one_line_each() -> None:
    assert shown("bash", "a b", distinct=9) == (
        "in 3 of the newest 4 alerts, since 2023-11-14 22:13 UTC:\n"
        "```text\n      1  bash\n      1  a b\n         and 7 other values\n```"
    )
    assert example_text("g", RecentValues(4, 0, {})) == "in none of the newest 4 alerts, since 1970-01-01 00:00 UTC"
    assert example_text("g", RecentValues(0, None, {})) == ""


def test_hostile_values_stay_in_the_block() -> None:
    """Line breaks, fences, terminal sequences, bidirectional text and a megabyte."""
    hostile = ("```\n# [x](command:evil) <img src=x>", "````\r\x1b[31m", "\u202eevil", "`" * 300, "a" * 1_000_000, "אב")
    text = shown(*hostile)
    head, *lines, last = text.splitlines()
    fence = lines[0].removesuffix("text")
    assert set(fence) == {"`"}
    assert last == fence
    assert head.startswith("in 3 of ")
    assert len(lines) == 1 + len(hostile)
    assert all(fence not in each and len(each) < 100 for each in lines[1:])
    assert "\\x1b" in text
    assert "\\u202e" in text
    assert "\u2068אב\u2069" in text
