"""Tables: wide letters align, nothing is markup, nothing controls the terminal, no styles where it is not one."""

from __future__ import annotations

import sys

import pytest
from rich.cells import cell_len

from bridge.cli.printing.table import Styled, as_table


def test_columns_align_by_the_width_of_letters() -> None:
    """A wide letter takes two cells, a combining mark none; the last column is not padded."""
    rows = [("name", "x"), ("日本語", "x"), ("e\u0301e\u0301", "x"), ("", "x")]
    lines = as_table(rows, indent="> ").split("\n")
    assert {cell_len(line[: line.rindex("x")]) for line in lines} == {10}
    assert all(line.endswith("x") for line in lines)
    assert as_table([("a", "b"), ("long", "")]) == "a     b\nlong"


@pytest.mark.parametrize("hostile", ["[red]x[/red]", "[link=file:///etc/passwd]x[/link]", ":smile:", "[/]", "\\[b]"])
def test_cells_are_no_markup(hostile: str) -> None:
    """An alert's text is printed as it is."""
    assert as_table([("a",), (hostile,), (Styled(hostile, "bold"),)]) == f"a\n{hostile}\n{hostile}"


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b2J", "\x07", "\x7f", "a\nb", "a\rb", "\u202eb", "\u200b"])
def test_cells_cannot_control_the_terminal(hostile: str) -> None:
    """Not even on a terminal."""
    (_, line) = as_table([("a",), (hostile,)]).split("\n")
    assert line.isprintable()
    assert "\\" in line


def test_styles_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """And for those that did not ask for none."""
    rows = [("a", "b"), (Styled("DOWN", "bold red"), "x")]
    plain = "a     b\nDOWN  x"
    assert as_table(rows) == plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31mDOWN\x1b[0m  x" in as_table(rows)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert as_table(rows) == plain
