"""Parsing a changed file again gives what parsing all of it gives."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax.parser import parse
from bridge.language.syntax.reparse import reparse

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.rglob("*.route"))]
PIECES = (
    "", "x", "\n", " ", "}", "{", '"', "route", "to a", "or b", "# c\n", "(", ")", "=", "macro m = a\n", "not ", ",",
    'route "z" { when a to b }\n', "é😀", "list l = (a, b)\n", "\\", "'",
)  # fmt: skip
changes = st.tuples(st.floats(0, 1), st.sampled_from((0, 0, 0, 1, 2, 5, 40)), st.sampled_from(PIECES))


@given(st.sampled_from(TEXTS), st.lists(changes, min_size=1, max_size=8))
def test_changes_one_after_the_other(text: str, edits: list[tuple[float, int, str]]) -> None:
    """Of a valid text, the same tree with the same places. Of another one, at least one problem."""
    source = SourceText("a.route", text)
    parsed = parse(source)
    for where, removed, inserted in edits:
        start = int(where * len(text))
        text = text[:start] + inserted + text[start + removed :]
        after = SourceText("a.route", text)
        parsed, whole = reparse(source, parsed, after), parse(after)
        source = after
        if whole.diagnostics:
            assert parsed.diagnostics
        else:
            assert parsed == whole


def test_only_the_changed_statements_are_parsed() -> None:
    """The other statements are the same objects, moved."""
    text = "\n".join(f"macro m{number} = proc.name = a\n" for number in range(50))
    source = SourceText("a.route", text)
    before = parse(source)
    first, last = before.file.statements[0], before.file.statements[-1]
    after = SourceText("a.route", text.replace("m25 = ", "m25 =\n\n  "))
    parsed = reparse(source, before, after)
    assert parsed == parse(after)
    assert (parsed.file.statements[0], parsed.file.statements[-1]) == (first, last)
    assert parsed.file.statements[-1] is last
    assert last.span.line == 101
