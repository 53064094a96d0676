"""A command to which programs, files and an exit status may still be added."""

from __future__ import annotations

import re

import msgspec

from bridge.terminal.lines.shell_line import Origin, TypedLine

SETTLE_NS = 3_000_000_000
"""How long programs and files are added to a command if its shell shows no prompt meanwhile."""
PROMPTED_NS = 1_000_000_000
"""The same from the next prompt on: a program in the background, or a report of lost events, may come after it."""
MAX_ITEMS = 50
"""Programs, and files, that one command names."""
_MAX_ITEM = 500
_LINES_BEFORE = re.compile(r"(?:[\n;&|({\[]|\b(?:do|then|else|elif|if|while|until|in))\s*\Z")
"""How lines end that were typed before the last one of a command, as bash joins them."""


class Pending(msgspec.Struct):
    """A command that may still change."""

    line: TypedLine
    pid: int
    """The process of its shell; where no line is known, that of the program's parent."""
    shell: str
    place: dict[str, str]
    due_ns: int
    """When it is finished, by the bridge's clock, if its shell does not show earlier that it is."""
    ran: list[str] = []  # msgspec copies it
    wrote: list[str] = []  # msgspec copies it
    pids: list[int] = []  # msgspec copies it
    """The processes that its shell started, in order."""
    exit: int = -1
    announced: bool = False

    @property
    def is_typed(self) -> bool:
        """Whether its line is known."""
        return self.line.origin is not Origin.EXECVE

    def ran_program(self, pid: int, command_line: str, *, directly: bool) -> None:
        """It started a program: ``directly``, or by another program."""
        if not self.line.text and not self.is_typed:
            self.line = msgspec.structs.replace(self.line, text=command_line, confidence=1.0)
        if len(self.ran) < MAX_ITEMS:
            self.ran.append(_cut(command_line))
        if directly and len(self.pids) < MAX_ITEMS and pid not in self.pids:
            self.pids.append(pid)

    def wrote_file(self, path: str) -> None:
        """It opened a file for writing."""
        path = path[:_MAX_ITEM]
        if len(self.wrote) < MAX_ITEMS and path not in self.wrote:
            self.wrote.append(path)

    def prompted(self, now_ns: int) -> None:
        """The shell shows its prompt again."""
        self.due_ns = min(self.due_ns, now_ns + PROMPTED_NS)

    def ended(self, pid: int, status: int) -> None:
        """A process ended. The last one that the command started gives it its exit status."""
        if self.pids and self.pids[-1] == pid:
            self.exit = status

    def announce(self, text: str) -> None:
        """Bash named the line that it is about to run."""
        self.announced = True
        line, typed = self.line, self.line.text.strip()
        before = text.removesuffix(typed) if typed else text
        agrees = before != text
        if agrees and (not before or _LINES_BEFORE.search(before)):
            self.line = msgspec.structs.replace(line, confidence=1.0)
        elif agrees or "!" in typed or line.confidence < 0.9:  # its beginning was lost, or bash expanded its history
            self.line = msgspec.structs.replace(line, text=text, origin=Origin.ANNOUNCED, confidence=0.9)

    def doubt(self) -> None:
        """Something may be missing."""
        self.line = msgspec.structs.replace(self.line, confidence=min(self.line.confidence, 0.5))


def _cut(command_line: str) -> str:
    """The words that fit. A part of a word may be a part of a secret, which no redaction knows."""
    if len(command_line) <= _MAX_ITEM:
        return command_line
    return f"{command_line[: _MAX_ITEM - 1].rpartition(' ')[0]} …".lstrip()
