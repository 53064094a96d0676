"""The rows of cells that a shell paints on: a terminal without a height, bounded in every direction."""

from __future__ import annotations

import msgspec

from bridge.terminal.lines.glyphs import cells_of

MAX_ROWS = 200
MAX_COLUMNS = 8192
MAX_CELLS = 65536
_MAX_JOINED = 8
"""Characters of one cell: a letter and the marks that join it."""
MAX_WORK = 65_536
"""Cells that the sequences of one write may erase or move. Shells need a few thousand."""
_ROW_WORK = 16
"""Adding or moving a row costs as much as that many cells."""
_KEPT_ROWS = 40
_KEPT_FROM = 60


def _one_row() -> list[list[str]]:
    return [[]]


def _one_wrap() -> list[bool]:
    return [False]


class Grid(msgspec.Struct):
    """The cells of one shell's terminal, from its prompt on. A cell is ``""`` behind a wide character."""

    rows: list[list[str]] = msgspec.field(default_factory=_one_row)
    wraps: list[bool] = msgspec.field(default_factory=_one_wrap)
    """For each row, whether its text continues in the next one."""
    row: int = 0
    column: int = 0
    width: int = 0
    """The columns of the terminal; 0 while the shell has not shown it."""
    wrap_waits: bool = False
    """The cursor is behind the last column: the next character goes to the next row."""
    saved: tuple[int, int] = (0, 0)
    damaged: bool = False
    """Something was painted that this grid does not reproduce, or a bound was reached."""
    cells: int = 0
    """An upper bound of the cells in use."""
    work: int = MAX_WORK
    """What is left of the work that this write may cause."""

    def clear(self) -> None:
        """Remove everything and move to the first cell. The width stays."""
        self.rows, self.wraps = [[]], [False]
        self.row = self.column = self.cells = 0
        self.wrap_waits, self.saved = False, (0, 0)

    @property
    def columns(self) -> int:
        """The width, or its bound while it is unknown."""
        return self.width or MAX_COLUMNS

    def put(self, text: str) -> None:
        """Write characters at the cursor. None of them is a control character."""
        row, count, column = self.rows[self.row], len(text), self.column
        if (
            not self.wrap_waits
            and column <= len(row)
            and column + count <= (self.width or MAX_COLUMNS)
            and self.cells + count <= MAX_CELLS
            and text.isascii()
        ):
            self.cells += max(column + count - len(row), 0)
            row[column : column + count] = text
            self.column = column + count
            self.wrap_waits = self.column == self.width
            return
        for character in text:
            if not self._put(character):
                return

    def _put(self, character: str) -> bool:
        """Write one character. False if a bound is reached."""
        taken = cells_of(character)
        row = self.rows[self.row]
        if taken == 0:
            if 0 < self.column <= len(row) and len(row[self.column - 1]) < _MAX_JOINED:
                row[self.column - 1] += character
            return True
        if self.wrap_waits or (self.width and self.column + taken > self.width):
            self.wraps[self.row] = True
            self.wrap_waits = False
            self.down()
            self.column = 0
            row = self.rows[self.row]
        if self.column >= MAX_COLUMNS or not self._has_room(self.column + taken - len(row)):
            self.damaged = True
            return False
        if len(row) < self.column:
            row.extend(" " * (self.column - len(row)))
        row[self.column : self.column + taken] = (character,) if taken == 1 else (character, "")
        self.column += taken
        self.wrap_waits = bool(self.width) and self.column >= self.width
        return True

    def _has_room(self, added: int) -> bool:
        """Whether so many cells may be added; counts them."""
        if added <= 0:
            return True
        if self.cells + added > MAX_CELLS:
            self.count()
        if self.cells + added > MAX_CELLS:
            return False
        self.cells += added
        return True

    def count(self) -> None:
        """Count the cells in use."""
        self.cells = sum(map(len, self.rows))

    def _may_work(self, cells: int) -> bool:
        """Whether this write may still cause so much work."""
        self.work -= cells
        if self.work >= 0:
            return True
        self.damaged = True
        return False

    def down(self) -> None:
        """Move to the next row, which is added if it does not exist."""
        self.row += 1
        if self.row < len(self.rows):
            return
        if len(self.rows) >= MAX_ROWS:
            del self.rows[0], self.wraps[0]
            self.row -= 1
            self.damaged = True
        self.rows.append([])
        self.wraps.append(False)

    def move_down(self, count: int) -> None:
        """Move down. Rows that do not exist are added."""
        added = self.row + count + 1 - len(self.rows)
        if added > 0 and not self._may_work(added * _ROW_WORK):
            return
        for _ in range(count):
            self.down()
        self.wrap_waits = False

    def line_feed(self) -> None:
        """A new line, as the terminal driver writes it: the cursor goes to the first column too."""
        self.wrap_waits = False
        self.down()
        self.column = 0

    def move_to_column(self, column: int) -> None:
        """Move within the row."""
        self.column = max(0, min(column, self.columns - 1))
        self.wrap_waits = False

    def move_up(self, count: int) -> None:
        """Move up, at most to the first row."""
        self.row = max(0, self.row - count)
        self.wrap_waits = False

    def erase_below(self) -> None:
        """Erase from the cursor to the end."""
        self.erase_right()
        if not self._may_work((len(self.rows) - self.row) * _ROW_WORK):
            return
        for index in range(self.row + 1, len(self.rows)):
            self.rows[index] = []
            self.wraps[index] = False

    def erase_all(self) -> None:
        """Erase every row. The cursor stays."""
        if not self._may_work(len(self.rows) * _ROW_WORK):
            return
        for index in range(len(self.rows)):
            self.rows[index] = []
            self.wraps[index] = False

    def erase_right(self) -> None:
        """Erase from the cursor to the end of the row."""
        del self.rows[self.row][self.column :]
        self.wraps[self.row] = False

    def erase_row(self) -> None:
        """Erase the row."""
        self.rows[self.row].clear()
        self.wraps[self.row] = False

    def blank(self, start: int, stop: int) -> None:
        """Blank cells of the row, without moving others."""
        row = self.rows[self.row]
        count = min(stop, len(row)) - start
        if count > 0 and self._may_work(count):
            row[start : start + count] = [" "] * count

    def delete(self, count: int) -> None:
        """Remove cells at the cursor. Those behind them move left."""
        if self._may_work(max(len(self.rows[self.row]) - self.column, 0)):
            del self.rows[self.row][self.column : self.column + count]

    def insert(self, count: int) -> None:
        """Insert blanks at the cursor. The cells behind it move right, those beyond the last column are lost."""
        row = self.rows[self.row]
        if self.column >= len(row):
            return
        if not self._has_room(count):
            self.damaged = True
            return
        if not self._may_work(len(row) - self.column + count):
            return
        row[self.column : self.column] = " " * count
        del row[self.columns :]

    def insert_rows(self, count: int) -> None:
        """Insert empty rows at the cursor."""
        if not self._may_work((count + len(self.rows) - self.row) * _ROW_WORK):
            return
        self.rows[self.row : self.row] = [[] for _ in range(count)]
        self.wraps[self.row : self.row] = [False] * count
        del self.rows[MAX_ROWS:], self.wraps[MAX_ROWS:]

    def delete_rows(self, count: int) -> None:
        """Remove rows at the cursor."""
        if not self._may_work((len(self.rows) - self.row) * _ROW_WORK):
            return
        del self.rows[self.row : self.row + count], self.wraps[self.row : self.row + count]
        if self.row >= len(self.rows):
            self.row = len(self.rows)
            self.rows.append([])
            self.wraps.append(False)

    def drop_above(self) -> None:
        """Remove the rows above the cursor."""
        if self.row:
            del self.rows[: self.row], self.wraps[: self.row]
            self.row = 0
        self.count()

    def drop_old(self) -> None:
        """Of what a shell prints between two lines, only the last rows can be a prompt."""
        surplus = self.row - _KEPT_ROWS
        if len(self.rows) > _KEPT_FROM and surplus > 0:
            del self.rows[:surplus], self.wraps[:surplus]
            self.row -= surplus
        if self.cells > MAX_CELLS // 2:
            self.count()

    def text_of(self, row: int, start: int = 0, stop: int | None = None) -> str:
        """The text of a row, or of some of its cells."""
        return "".join(self.rows[row][start:stop])

    def text_from(self, row: int, column: int) -> str:
        """The text from a cell to the end. Rows that wrap are joined, others are separated by line breaks."""
        parts: list[str] = []
        for index in range(row, len(self.rows)):
            text = self.text_of(index, column if index == row else 0)
            if self._ends_before_wide(index):
                text = text[:-1]
            if parts and not self.wraps[index - 1]:
                parts.append("\n")
            parts.append(text)
        return "".join(parts).rstrip(" \n")

    def _ends_before_wide(self, index: int) -> bool:
        """Whether the row's last cell is empty because a wide character did not fit."""
        row = self.rows[index]
        if not (self.wraps[index] and self.width and len(row) == self.width and row[-1] == " "):
            return False
        following = self.rows[index + 1] if index + 1 < len(self.rows) else []
        return len(following) > 1 and following[1] == ""
