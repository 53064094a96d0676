"""Paints on a grid what a shell writes: text, control characters and escape sequences.

The width of the terminal is learned from the shell itself. At the last column, readline writes a character, a space and
CR, or moves up where the character was inserted; zsh pads its prompt with ``width - 1`` spaces. What a shell never
writes is ignored, and every count is clamped.
"""

from __future__ import annotations

import re

import msgspec

from bridge.terminal.lines.grid import MAX_COLUMNS, MAX_WORK, Grid

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<csi>\x1b\[[0-?]*[ -/]*[@-~])"
    r"|(?P<string>\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<escape>\x1b[ -/]*[0-~])"
    r"|(?P<control>\n+|\r+|\x08+|\t+|[\x00-\x1f\x7f-\x9f])"
)
_TEXT, _CONTROL = _TOKEN.groupindex["text"], _TOKEN.groupindex["control"]
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_MAX_UNFINISHED = 5000
"""Characters of an escape sequence that continues in the next write."""
_LAST_COLUMN = re.compile(r"[^\x00-\x1f\x7f-\x9f]+ \r")
"""What readline writes for keys at the end of a line that is full."""
_RESIZED = "\r\x1b[K"
"""How readline begins to paint the line again for another width."""
_ZSH_PADDING = re.compile(r"( {19,})\r \r")
_LEAST_WIDTH = 20
"""No terminal that is typed at is narrower. It keeps short texts from being taken for a full row."""
_MOST_DOWN = 50
_MOST_INSERTED = 200
_MOST_ROWS = 20
_FULL_SCREEN = "?1049"
_NEWLINES = frozenset("\n\x0b\x0c")


class Painter(msgspec.Struct):
    """Paints the writes of one shell."""

    grid: Grid = msgspec.field(default_factory=Grid)
    unfinished: str = ""
    """The beginning of an escape sequence."""
    wraps_itself: bool = False
    """Whether the shell ends a full row with CR and a line feed: busybox and ksh do while they edit a line."""
    may_show_width: bool = False
    """Whether this write is what readline writes at the last column."""
    before_return: int = 0
    """The column before a CR that nothing followed yet."""
    length_before: int = 0
    """Cells of the row before this write."""

    def feed(self, text: str, *, until_newline: bool = False) -> str | None:
        """Paint a write. With ``until_newline``, returns the rest from the first line feed on, which is not painted."""
        if self.unfinished:
            text, self.unfinished = self.unfinished + text, ""
        elif text.isascii() and text.isprintable():
            self.before_return = 0
            self.grid.put(text)
            return None
        self.grid.work = MAX_WORK
        self._look_for_width(text)
        if "\x1b" in text:
            text = self._without_unfinished(text)
        put = self.grid.put
        for token in _TOKEN.finditer(text):
            part, kind = token[0], token.lastindex
            if part[0] != "\n":
                self.before_return = 0
            if kind == _TEXT:
                put(part)
            elif kind == _CONTROL:
                if until_newline and part[0] in _NEWLINES:
                    rest, self.unfinished = text[token.start() :] + self.unfinished, ""
                    return rest
                self._control(part, text, token.end())
            else:
                self._obey(part)
        return None

    def _without_unfinished(self, text: str) -> str:
        found = _UNFINISHED.search(text, max(0, text.rfind("\x1b", 0, -1) - 1))
        if found is None:
            return text
        self.unfinished = found.group()[:_MAX_UNFINISHED]
        return text[: found.start()]

    def _look_for_width(self, text: str) -> None:
        grid = self.grid
        self.length_before = len(grid.rows[grid.row])
        self.may_show_width = grid.column == self.length_before and _LAST_COLUMN.fullmatch(text) is not None
        if text.startswith(_RESIZED):
            grid.width = 0
        elif " \r" in text:
            found = _ZSH_PADDING.search(text)
            if found is not None:
                grid.width = min(len(found[1]) + 1, MAX_COLUMNS)

    def _control(self, run: str, text: str, end: int) -> None:
        """Obey a control character, or several equal ones. ``end`` is where they end in the text."""
        grid, character = self.grid, run[0]
        if character == "\r":
            if len(run) > 1:
                self._return(followed_by_newline=False)
            self._return(followed_by_newline=text[end : end + 1] == "\n")
        elif character in _NEWLINES:
            for _ in run:
                self._line_feed()
        elif character == "\x08":
            grid.wrap_waits = False
            grid.column = max(0, grid.column - len(run))
        elif character == "\t":
            grid.column = min((grid.column // 8 + len(run)) * 8, grid.columns - 1)

    def _return(self, *, followed_by_newline: bool) -> None:
        grid = self.grid
        self.before_return = grid.column
        if followed_by_newline or not self._at_last_column():
            grid.wrap_waits = False
            grid.column = 0

    def _move_up(self, count: int) -> None:
        """Move up. A shell stays below its prompt: from the first row only if its text has gone to the next one."""
        grid = self.grid
        if not grid.width and not grid.row:
            if len(grid.rows[0]) == self.length_before + 2 and self._is_behind_last_column():
                self._wrap_last()
                grid.column = 1
            else:
                grid.damaged = True
        grid.move_up(count)

    def _at_last_column(self) -> bool:
        """Whether a space before this CR went to the next row. If so, the width is known, and the cursor is there."""
        if not self.may_show_width:
            return False
        if self.grid.width:
            self._check_width()
            return False
        if self._is_behind_last_column():
            self._wrap_last()
            return True
        return False

    def _check_width(self) -> None:
        """Forget the width if the last column is another one: the terminal was resized while something else ran."""
        grid = self.grid
        if grid.column != 1:
            grid.width = 0
            grid.damaged = True

    def _is_behind_last_column(self) -> bool:
        """Whether the row may be one column longer than the terminal is wide: it ends with a space at the cursor."""
        grid = self.grid
        row = grid.rows[grid.row]
        return grid.column >= _LEAST_WIDTH and grid.column == len(row) and row[-1] == " "

    def _wrap_last(self) -> None:
        """The last cell belongs to the next row, which shows the width."""
        grid = self.grid
        grid.width = grid.column - 1
        grid.rows[grid.row].pop()
        grid.wraps[grid.row] = True
        grid.down()
        grid.column = 0
        grid.wrap_waits = False
        if not grid.rows[grid.row]:
            grid.rows[grid.row].append(" ")

    def _line_feed(self) -> None:
        grid = self.grid
        if self.wraps_itself:
            reached = self.before_return
            if reached >= _LEAST_WIDTH and reached == len(grid.rows[grid.row]):
                grid.wraps[grid.row] = True
        grid.line_feed()

    def _obey(self, sequence: str) -> None:
        """Obey an escape sequence. Titles and other strings are ignored."""
        if sequence[1] == "[":
            self._sequence(sequence)
        else:
            self._escape(sequence)

    def _escape(self, sequence: str) -> None:
        grid = self.grid
        match sequence:
            case "\x1b7":
                grid.saved = (grid.row, grid.column)
            case "\x1b8":
                grid.row, grid.column = min(grid.saved[0], len(grid.rows) - 1), grid.saved[1]
            case "\x1bc":
                grid.clear()
            case "\x1bM":
                grid.move_up(1)
            case _:
                pass

    def _sequence(self, sequence: str) -> None:
        final, body = sequence[-1], sequence[2:-1]
        if body[:1] in {"?", ">", "=", "<"}:
            if final == "h" and body == _FULL_SCREEN:
                self.grid.damaged = True
            return
        numbers = _numbers(body)
        if not self._move(final, numbers) and not self._erase(final, numbers[0]):
            self._shift(final, max(numbers[0], 1))

    def _move(self, final: str, numbers: list[int]) -> bool:
        """Move the cursor. False if the sequence does not move it."""
        grid, count = self.grid, max(numbers[0], 1)
        match final:
            case "C":
                grid.move_to_column(grid.column + count)
            case "D":
                grid.move_to_column(grid.column - count)
            case "A":
                self._move_up(count)
            case "B":
                grid.move_down(min(count, _MOST_DOWN))
            case "G" | "`":
                grid.column = min(count - 1, MAX_COLUMNS - 1)
                grid.wrap_waits = False
            case "H" | "f":
                if len(numbers) == 1 and numbers[0] <= 1:
                    grid.clear()
                else:
                    grid.damaged = True
                grid.wrap_waits = False
            case _:
                return False
        return True

    def _erase(self, final: str, number: int) -> bool:
        """Erase cells. False if the sequence erases none."""
        grid = self.grid
        match final, number:
            case "J", 0:
                grid.erase_below()
            case "J", _:
                grid.erase_all()
            case "K", 0:
                grid.erase_right()
            case "K", 1:
                grid.blank(0, grid.column + 1)
            case "K", _:
                grid.erase_row()
            case "X", _:
                grid.blank(grid.column, grid.column + max(number, 1))
            case _:
                return False
        return True

    def _shift(self, final: str, count: int) -> None:
        """Insert or remove cells or rows. Other sequences are ignored."""
        grid = self.grid
        match final:
            case "P":
                grid.delete(count)
            case "@":
                grid.insert(min(count, _MOST_INSERTED))
            case "L":
                grid.insert_rows(min(count, _MOST_ROWS))
            case "M":
                grid.delete_rows(min(count, _MOST_ROWS))
            case _:
                pass


def _numbers(body: str) -> list[int]:
    """The numbers of a control sequence, clamped; 0 for one that is left out."""
    if not body:
        return [0]
    parts = body.split(";")
    if not all(part.isascii() and (part.isdigit() or not part) for part in parts):
        return [0]
    return [min(int(part[:6]), MAX_COLUMNS) if part else 0 for part in parts[:4]]
