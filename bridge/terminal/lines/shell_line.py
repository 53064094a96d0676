"""The line that is being typed into one shell: from what the shell reads and paints to typed lines.

A shell that edits its own line reads one byte at a time and paints the line on its terminal. What it painted between
the first key and Enter is the line. A shell that leaves editing to the kernel reads whole lines.
"""

from __future__ import annotations

import codecs
from enum import StrEnum

import msgspec

from bridge.terminal.lines.glyphs import length_in_cells
from bridge.terminal.lines.painter import Painter

_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
"""Bracketed paste. Readline and zsh switch it on before a line is typed, and off when it has ended."""
_PROMPT_ENDS = ("$", "#", "%", ">")
_MAX_TEXT = 16384
_MAX_PROMPT = 512
_LEAST_SCROLLED = 40


class Origin(StrEnum):
    """How a command is known."""

    PAINTED = "painted"
    """The shell painted its line."""
    LINE = "line"
    """The shell read it as a whole line."""
    ANNOUNCED = "announced"
    """bash named it in a redirection, as PS0 asks."""
    EXECVE = "execve"
    """A program that was started, without a line that is known."""


class TypedLine(msgspec.Struct, frozen=True):
    """A line that was typed."""

    time_ns: int
    """When Enter was read."""
    number: int
    """``evt.num`` of that event."""
    text: str
    prompt: str = ""
    origin: Origin = Origin.PAINTED
    confidence: float = 1.0
    aborted: bool = False
    """Ended by ^C."""
    hidden_keys: int = 0
    """How many keys were read that the shell did not paint. The text is then empty."""


class ShellLine(msgspec.Struct):
    """One shell process on one terminal. Each event returns the lines that it ended."""

    painter: Painter = msgspec.field(default_factory=Painter)
    undecoded: bytes = b""
    """The beginning of a UTF-8 character."""
    whole: str = ""
    """The beginning of a line that the shell reads from the kernel."""
    editing: bool = False
    """Whether a key of this line was read."""
    entered: bool = False
    """Whether Enter was read."""
    interrupted: bool = False
    """Whether ^C was painted."""
    fed: bool = False
    """Whether the last write ended with a line feed, as readline's does when it accepts a line."""
    bracketed: bool = False
    """Whether the shell switches bracketed paste on and off."""
    painted_since_enter: bool = True
    painted: int = 0
    """Characters painted since the line began, other than spaces and line ends. The bell answers a key too."""
    painted_at_enter: int = 0
    keys: int = 0
    prompt: str = ""
    last_prompt: str = ""
    """That of the line before."""
    start: tuple[int, int] = (0, 0)
    """The cell behind the prompt."""
    started_ns: int = 0
    entered_ns: int = 0
    number: int = 0
    doubtful: bool = False
    """Something of this line is missing."""
    prompted: bool = False
    """Whether anything was painted before the first key was read."""
    unsure: bool = False
    """The shell was already running when it was first observed, and no line of it has begun since."""
    scrolls: bool = False
    """Whether the shell scrolls a long line sideways: ksh and mksh do."""

    def paint(self, time_ns: int, number: int, data: bytes, *, cut: bool) -> list[TypedLine]:
        """The shell wrote to its terminal. ``cut``: there was more than ``data``."""
        self.doubtful |= cut
        text = self._decode(data)
        ended: list[TypedLine] = []
        if _PASTE_ON in text:
            self.bracketed = True
            self.unsure = False
            ended += self._end_unseen() if self.editing and self.entered else ()
        painter = self.painter
        painter.wraps_itself = self.editing and not self.entered and not self.bracketed
        if self.editing:
            shown = text.strip("\r\n")
            self.interrupted |= not self.entered and (shown.endswith("^C") or text.startswith("^C"))
            self.painted += sum(character > " " or character == "\a" for character in text)
        else:
            self.prompted = True
        if self.editing and self.bracketed and _PASTE_OFF in text:
            before, _, after = text.partition(_PASTE_OFF)
            painter.feed(before)
            accepted = before.endswith("\n") if before else self.fed
            ended += self._finish(time_ns, number, accepted=accepted and not self.interrupted)
            painter.feed(after)
        else:
            until_newline = self.editing and not self.bracketed and (self.entered or self.interrupted)
            rest = painter.feed(text, until_newline=until_newline)
            if rest is not None:
                ended += self._finish(time_ns, number)
                painter.feed(rest)
        self.painted_since_enter = True
        self.fed = text.endswith("\n")
        if not self.editing:
            painter.grid.drop_old()
        return ended

    def read_key(self, time_ns: int) -> list[TypedLine]:
        """The shell read a key, which is not known."""
        ended = self.settle()
        if not self.editing:
            self._begin(time_ns)
        self.keys += 1
        return ended

    def read_end(self, time_ns: int, number: int, data: bytes) -> list[TypedLine]:
        """The shell read Enter, ^C or ^D."""
        ended = self.settle()
        if not self.editing:
            self._begin(time_ns)
        if b"\r" in data or b"\n" in data:
            self.entered = True
            self.painted_since_enter = False
            self.entered_ns, self.number = time_ns, number
            self.painted_at_enter = self.painted
        return ended

    def read_line(self, time_ns: int, number: int, data: bytes, *, cut: bool) -> list[TypedLine]:
        """The shell read a line that the kernel edited."""
        ended = self.settle()
        self.whole += data.decode("utf-8", "replace")[:_MAX_TEXT]
        grid = self.painter.grid
        self.editing = self.entered = False
        if not self.whole.endswith("\n") and not cut and len(self.whole) < _MAX_TEXT:
            return ended  # ^D within a line: the rest follows
        text, self.whole = self.whole.rstrip("\n"), ""
        if text.strip():
            prompt = grid.text_of(grid.row, 0, grid.column)[-_MAX_PROMPT:]
            confidence = 0.5 if cut else 1.0
            ended.append(TypedLine(time_ns, number, text[:_MAX_TEXT], prompt, Origin.LINE, confidence))
        grid.line_feed()
        return ended

    def settle(self) -> list[TypedLine]:
        """Something else happened: a line that was ended must have been painted by now, or it is hidden input."""
        if not self.entered:
            return []
        ended = self._hidden() if self.painted_since_enter else []
        self.entered = False  # where nothing was painted, a line end inside a paste
        return ended

    def end_hidden(self) -> list[TypedLine]:
        """A program was started: keys that ended with Enter and were not painted are hidden input."""
        if self.entered and not self.painted_at_enter and self.keys:
            ended = self._hidden()
            self.entered = False
            return ended
        return []

    def forget(self) -> None:
        """Remove what was painted of an unfinished line. The rest of the line will be in doubt."""
        self.painter.grid.clear()
        self.painter.unfinished, self.whole, self.undecoded = "", "", b""
        self.start, self.prompt = (0, 0), ""
        self.doubtful = True

    def _decode(self, data: bytes) -> str:
        data = self.undecoded + data
        self.undecoded = b""
        try:
            return data.decode()
        except UnicodeDecodeError:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = decoder.decode(data)
            self.undecoded = decoder.getstate()[0]
            return text

    def _begin(self, time_ns: int) -> None:
        """The first key of a line: what is left of the cursor is the prompt."""
        grid = self.painter.grid
        painted = grid.text_of(grid.row, 0, grid.column)
        given = self._given(painted)
        self.prompt = painted[: len(painted) - len(given)]
        grid.drop_above()
        self.start = (0, length_in_cells(self.prompt) if given else grid.column)
        self.editing, self.entered, self.interrupted = True, False, False
        self.painted, self.keys = len(given), 0
        self.started_ns = time_ns
        self.doubtful = self.unsure or not self.prompted or bool(given)
        self.unsure = False
        grid.damaged = False

    def _given(self, painted: str) -> str:
        """The text of the line before its first key: of ``histverify`` or ^O in bash, or the key was not reported."""
        known = self.last_prompt
        if known.rstrip().endswith(_PROMPT_ENDS) and painted.startswith(known):
            return painted[len(known) :]
        return ""

    def _hidden(self) -> list[TypedLine]:
        """The end of a line that was not painted."""
        keys, self.keys, self.editing = self.keys, 0, False
        if not keys or self.painted_at_enter:
            return []
        return [TypedLine(self.entered_ns, self.number, "", self._shown_prompt(), hidden_keys=keys)]

    def _end_unseen(self) -> list[TypedLine]:
        """A prompt is painted after Enter, and nothing showed that the line ended: hidden input, or a lost event."""
        if not self.painted_at_enter:
            return self._hidden()
        self.doubtful = True
        ended = self._finish(self.entered_ns, self.number)
        shortened = [msgspec.structs.replace(each, text=each.text.partition("\n")[0]) for each in ended]
        return [each for each in shortened if each.text.strip() or each.hidden_keys]

    def _finish(self, time_ns: int, number: int, *, accepted: bool = False) -> list[TypedLine]:
        """The end of a line that was painted. ``accepted``: another key than Enter ended it, or Enter was lost."""
        grid = self.painter.grid
        row, column, found = self._line_start()
        text = grid.text_from(row, column) if self.painted or grid.row != row else ""
        text = "".join(character for character in text if character >= " " or character == "\n")
        aborted = not self.entered and not accepted
        if aborted:
            text = text.removesuffix("^C").rstrip()
        if self.entered:
            time_ns, number = self.entered_ns, self.number
        hidden = self.keys if not text and not self.painted else 0
        in_doubt = self._is_in_doubt(text) or not found
        grid.clear()  # what was typed is not held any longer
        self.last_prompt = self.prompt
        self.editing = self.entered = self.interrupted = False
        self.keys = 0
        if not text.strip() and not hidden:
            return []
        confidence = 1.0 if hidden else 0.5 if in_doubt else 0.9
        return [
            TypedLine(
                time_ns, number, text[:_MAX_TEXT], self._shown_prompt(), Origin.PAINTED, confidence,
                aborted=aborted, hidden_keys=hidden,
            )
        ]  # fmt: skip

    def _is_in_doubt(self, text: str) -> bool:
        """Whether a part of the line may be missing."""
        grid = self.painter.grid
        return self.doubtful or grid.damaged or ("\n" in text and not grid.width) or self._has_scrolled(text)

    def _has_scrolled(self, text: str) -> bool:
        """Whether the last column shows the mark of a shell that scrolls sideways, as all do on a dumb terminal."""
        return len(text) >= _LEAST_SCROLLED and text[-1] in ("<>*+" if self.scrolls else ">")

    def _shown_prompt(self) -> str:
        return self.prompt[-_MAX_PROMPT:]

    def _line_start(self) -> tuple[int, int, bool]:
        """Where the text begins, and whether the prompt is in front of it. The prompt may have been painted again."""
        grid = self.painter.grid
        last = min(grid.row, len(grid.rows) - 1)
        if self.prompt.strip():
            cells, wanted = length_in_cells(self.prompt), self.prompt.rstrip()
            for row in range(last, -1, -1):
                if (row == 0 or not grid.wraps[row - 1]) and grid.text_of(row, 0, cells).rstrip() == wanted:
                    return row, cells, True
        row, column = self.start
        if row < len(grid.rows) and grid.text_of(row, 0, column) == self.prompt:
            return row, column, True
        return min(row, last), column, False
