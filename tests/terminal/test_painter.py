"""The painter: what a shell writes, hostile writes, and bounds that hold for every write."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest

from bridge.terminal.lines.glyphs import cells_of
from bridge.terminal.lines.grid import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, Grid
from bridge.terminal.lines.painter import Painter
from bridge.terminal.lines.shell_line import ShellLine


def painted(*writes: str, width: int = 0) -> str:
    painter = Painter()
    painter.grid.width = width
    for write in writes:
        painter.feed(write)
    return painter.grid.text_from(0, 0)


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        (["ls", " -l"], "ls -l"),
        (["abc", "\x08\x08X"], "aXc"),
        (["abc\x1b[2D\x1b[1P"], "ac"),
        (["ac\x1b[D\x1b[1@b"], "abc"),
        (["abc\x1b[D\x1b[K"], "ab"),
        (["abc\rX"], "Xbc"),
        (["one two\x1b[7D\x1b[4C2wo"], "one 2wo"),
        (["a\tb"], "a       b"),
        (["\x1b[1;32mgreen\x1b[0m"], "green"),
        (["\x1b]0;title\x07text"], "text"),
        (["\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"], "link"),
        (["a\x1b[", "1", "P"], "a"),
        (["a\x1b7bc\x1b8X"], "aXc"),
        (["abc\x1b[2K\x1b[Gx"], "x"),
        (["한글\x08\x08x"], "한x"),
        (["e\u0301a"], "e\u0301a"),
        (["ab\x1b[1K"], "  "),
        (["abc\x1b[2D\x1b[X"], "a c"),
        (["old\x1b[H\x1b[Jnew"], "new"),
        (["a\r\nb\x1b[A\rX"], "X\nb"),
    ],
)
def test_what_shells_write_is_painted(writes: list[str], expected: str) -> None:
    """Editing, colours, titles, wide and combining characters, sequences in two writes."""
    assert painted(*writes).rstrip() == expected.rstrip()


def test_readline_shows_the_width_at_the_last_column() -> None:
    """A character, a space and CR."""
    painter = Painter()
    painter.feed("$ " + "x" * 37)
    painter.feed("y \r")
    painter.feed("z")
    assert painter.grid.width == 40
    assert painter.grid.text_from(0, 2) == "x" * 37 + "yz"


def test_readline_shows_the_width_where_a_character_is_inserted() -> None:
    """It writes the rest of the line with a space behind the last column, and moves up to the cursor."""
    painter = Painter()
    for write in (
        "$ " + "x" * 37,
        "\r\x1b[C\x1b[C",
        "a" + "x" * 37 + " \x1b[A\x1b[C\x1b[C",
        "b" + "x" * 37 + "\x1b[A\x1b[C\x1b[C\x1b[C",
    ):
        painter.feed(write)
    assert painter.grid.width == 40
    assert painter.grid.text_from(0, 2) == "ab" + "x" * 37
    assert not painter.grid.damaged


@pytest.mark.parametrize(
    "write",
    ["Xls -l /var/log/app \r\x1b[C\x1b[C", "\x1b[H\x1b[2J$ ls -l /var/log/app \r\x1b[C\x1b[C"],
    ids=["inserted", "cleared"],
)
def test_a_space_at_the_end_of_a_line_is_no_last_column(write: str) -> None:
    """Where readline writes the rest of the line and goes back to the cursor by CR."""
    painter = Painter()
    for each in ("$ ", "ls -l /var/log/app ", "\r\x1b[C\x1b[C", write, "Y"):
        painter.feed(each)
    assert painter.grid.width == 0
    assert len(painter.grid.rows) == 1


def test_readline_paints_the_line_again_when_the_terminal_is_resized() -> None:
    """From then on the width is not known, until it shows."""
    painter = Painter()
    painter.grid.width = 40
    text = "0123456789" * 6
    for write in (
        "$ ",
        text[:37],
        text[37] + " \r",
        text[38:],
        "\r\x1b[K\r\x1b[A\x1b[K\r$ " + text,
        "\r\x1b[C\x1b[C",
        "\x1b[1@X",
    ):
        painter.feed(write)
    assert painter.grid.text_from(0, 2) == "X" + text
    assert not painter.grid.damaged


def test_a_last_column_at_another_place_shows_a_resize() -> None:
    """Of a terminal that was resized while a program ran. That line is in doubt, and the next one shows the width."""
    painter = Painter()
    painter.grid.width = 40
    for write in ("$ " + "x" * 57, "y \r", "z"):
        painter.feed(write)
    assert (painter.grid.width, painter.grid.damaged) == (0, True)


@pytest.mark.parametrize("rest", ["x" * 37, "x" * 36 + " "])
def test_a_line_that_wraps_at_an_unknown_column_is_in_doubt(rest: str) -> None:
    """Text was inserted that does not end at the last column, so that the width is not shown, also before a space."""
    painter = Painter()
    for write in ("$ " + rest, "\r\x1b[C\x1b[C", "pasted text" + rest + "\x1b[A\x1b[C\x1b[C"):
        painter.feed(write)
    assert painter.grid.width == 0
    assert painter.grid.damaged


def test_zsh_shows_the_width_before_its_prompt() -> None:
    """It pads with one space less than there are columns."""
    painter = Painter()
    painter.feed("%" + " " * 79 + "\r \r")
    assert painter.grid.width == 80


HOSTILE = [
    "\x1b[20000C", "\x1b[99999999999999999999C", "\x1b[8192Cx", "\x1b[9999B", "\x1b[9999L", "\x1b[9999@", "\x1b[9999M",
    "\x1b[;;;;;;;;;;;;H", "\x1b[" + "1;" * 3000 + "m", "\x1b]" + "x" * 20000, "\x1b" * 5000, "\x1b[" * 3000, "\n" * 5000,
    "\t" * 5000, "\x08" * 5000, "x" * 8192, "한" * 8192, "e" + "\u0301" * 8000, "\x1b[9999G\x1b[9999@y", "\x1b[1;1H" * 900,
    "\x1bM" * 3000, "\x1bc" * 3000, "\x1b7\x1b[9999B\x1b8x", "\u202e\u2066" * 3000, "\x9b9999B\x84\x85", "\x1b[?1049h",
    "x\x1b[2J" * 1000, "\x1b[٣C", "\x1b[²C", "ab \r" * 2000, (" " * 30 + "\r \r") * 200,
    "\x1b[8191Gx" + "\x1b[1K" * 2000, "\x1b[8191Gx\x1b[G" + "\x1b[9999X" * 1500, "\x1b[50B" * 1600, "\x1b[20L" * 1600,
    "\x1b[8191Gx\x1b[G" + "\x1b[P" * 2000, "\x1b[8192Gx\n" * 800, "\x1b[20M" * 1600, "\x1b[9999Gx\x1b[G\x1b[J" * 500,
]  # fmt: skip


@pytest.mark.parametrize("write", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_writes_are_bounded(write: str) -> None:
    """In time and memory, also when they are repeated."""
    painter = Painter()
    tracemalloc.start()
    started = time.process_time()
    for _ in range(4):
        painter.feed(write)
    took = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    within_bounds(painter.grid)
    assert peak < 4_000_000
    assert took < 10
    painter.feed("\x1b\\\x07\x18ok")


@pytest.mark.parametrize("sequence", ["\x1b[1K", "\x1b[9999X", "\x1b[50B", "\x1b[20L", "\x1b[P", "\x1b[@"])
def test_the_work_of_one_write_is_bounded(sequence: str) -> None:
    """What exceeds the bound is not painted, and the line is in doubt. The next write is painted again."""
    painter = Painter()
    painter.feed("x" * 8000 + ("\n" * 150 + "\x1b[9999A" if sequence[-1] == "L" else ""))
    painter.grid.column = 1 if sequence[-1] in "XP@" else painter.grid.column
    painter.feed(sequence * 3)
    assert not painter.grid.damaged or sequence[-1] == "B"
    painter.feed(sequence * 2500)
    assert painter.grid.damaged
    assert painter.grid.work < 0
    painter.grid.clear()
    painter.feed("abc\x1b[2D\x1b[1K")
    assert painter.grid.text_of(0) == "  c"


@pytest.mark.parametrize(
    ("run", "single"),
    [("\r\r\r", ["\r"] * 3), ("\x08\x08", ["\x08"] * 2), ("\t\t\t", ["\t"] * 3), ("\n\n", ["\n"] * 2)],
)
@pytest.mark.parametrize("before", ["", "abc", "x" * 25 + " ", "x" * 80])
@pytest.mark.parametrize("width", [0, 20, 80])
def test_several_control_characters_at_once_act_as_one_after_the_other(
    run: str, single: list[str], before: str, width: int
) -> None:
    at_once, one_by_one = Painter(), Painter()
    for painter, writes in ((at_once, [run]), (one_by_one, single)):
        painter.grid.width = width
        for write in (before, *writes, "y"):
            painter.feed(write)
        painter.grid.work = 0
    assert at_once.grid == one_by_one.grid


def within_bounds(grid: Grid) -> None:
    assert len(grid.rows) == len(grid.wraps) <= MAX_ROWS
    assert 0 <= grid.row < len(grid.rows)
    assert 0 <= grid.column <= MAX_COLUMNS
    assert sum(map(len, grid.rows)) <= MAX_CELLS + 2 * MAX_COLUMNS
    assert max(map(len, grid.rows)) <= MAX_COLUMNS + 1


PIECES = [
    "a", "ls -l", " ", "한", "e\u0301", "\r", "\n", "\r\n", "\x08", "\t", " \r", "\x1b[K", "\x1b[J", "\x1b[C", "\x1b[D", "\x1b[A",
    "\x1b[B", "\x1b[P", "\x1b[@", "\x1b[X", "\x1b[L", "\x1b[M", "\x1b[H", "\x1b[2J", "\x1b[1K", "\x1b[2K", "\x1b7", "\x1b8", "\x1bM",
    "\x1bc", "\x1b", "\x1b[", "\x1b]0;", "\x07", "\x1b[?2004h", "\x1b[?2004l", "^C", "\x1b[999C", "\x1b[50G", "\x00", "\x9b", "\x7f",
    "x" * 90, " " * 40 + "\r \r", "\u200b", "\ufffd", "\U0001f600",
]  # fmt: skip


@pytest.mark.timeout(3600)
def test_no_sequence_of_writes_fails_or_grows(full: bool) -> None:
    """Random pieces and random bytes, with random widths. Ten million writes at full size."""
    draw = random.Random(14)
    for _ in range(10_000 if full else 30):
        painter = Painter()
        painter.grid.width = draw.choice((0, 0, 20, 80, 200))
        for number in range(1000):
            if draw.random() < 0.8:
                write = "".join(draw.choices(PIECES, k=draw.randint(1, 4)))
            else:
                write = draw.randbytes(draw.randint(1, 30)).decode("utf-8", "replace")
            painter.wraps_itself = draw.random() < 0.5
            rest = painter.feed(write, until_newline=draw.random() < 0.1)
            if rest is not None:
                painter.feed(rest)
            if number % 50 == 0:
                within_bounds(painter.grid)
                painter.grid.text_from(0, 0)
            if draw.random() < 0.02:
                painter.grid.drop_above()


@pytest.mark.timeout(3600)
def test_no_sequence_of_events_of_a_shell_fails(full: bool) -> None:
    """Keys, ends, whole lines and writes in any order: texts stay bounded, keys and times are as given."""
    draw = random.Random(15)
    for _ in range(2_000 if full else 20):
        shell = ShellLine()
        for number in range(1000):
            ended = shell.settle() if draw.random() < 0.05 else []
            match draw.randrange(5):
                case 0:
                    ended += shell.read_key(number)
                case 1:
                    ended += shell.read_end(number, number, draw.choice((b"\r", b"\n", b"\x03", b"\x04", b"")))
                case 2:
                    ended += shell.read_line(number, number, draw.randbytes(9), cut=draw.random() < 0.1)
                case _:
                    data = "".join(draw.choices(PIECES, k=3)).encode()[: draw.randint(1, 99)]
                    ended += shell.paint(number, number, data, cut=draw.random() < 0.1)
            for line in ended:
                assert len(line.text) <= 16384
                assert line.text.strip() or line.hidden_keys
                assert 0 <= line.time_ns <= number


def test_cells_of_characters() -> None:
    """As terminals count them, and wcwidth: also marks without a combining class, and the parts of a syllable."""
    assert [cells_of(character) for character in "a한\u0301\u200d\ufe0fé"] == [1, 2, 0, 0, 0, 1]
    assert [cells_of(character) for character in "ท\u0e35\u0e48ह\u093f\u0941\u20dd\u200c\u2060\xad"] == [
        1,
        0,
        0,
        1,
        1,
        0,
        0,
        0,
        0,
        1,
    ]
    assert [cells_of(character) for character in "\u1112\u1161\u11ab😀"] == [2, 0, 0, 2]


def test_a_line_with_marks_is_corrected() -> None:
    """As bash 5.2 wrote it: the last letter erased with its marks, and one inserted."""
    assert painted("ที่", "นี่", "\x08\x1b[K", "a", "\x08", "\x08", "bที่a\x08\x08") == "bที่a"
