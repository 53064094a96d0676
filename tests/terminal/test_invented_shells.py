"""Invented shells: lines typed and edited at random are found as they stood at Enter."""

from __future__ import annotations

import random

import pytest

from bridge.terminal.terminals import commands_of
from tests.support.terminals import SECOND, START, Typist

_WORDS = [
    "echo", "rm -rf", "/etc/cron.d/x", ">", ">>", "|", "'a b'", "한글", "ünï", "$(id)", "x" * 30, "--flag=1", "&&", "é", ";",
    "curl http://192.0.2.7/x", "\\", '"q"', "!", "*", "e\u0301", "日本語" * 4,
]  # fmt: skip
_WIDTH = 40
_SHELLS, _ALL = 150, 100_000


class Editor:
    """Edits one line at its end, as readline does, and remembers how it stands."""

    def __init__(self, shell: Typist, draw: random.Random) -> None:
        self._shell = shell
        self._draw = draw
        self._text = ""

    def line(self) -> str:
        """Type one line, with a correction now and then; returns it."""
        self._text = ""
        for _ in range(self._draw.randint(1, 4)):
            self._type(self._draw.choice(_WORDS) + " ")
            if self._draw.random() < 0.3:
                self._erase(self._draw.randint(1, 3))
        if self._draw.random() < 0.1:
            self._recall(self._draw.choice(["ls -l", "cd /tmp", "echo " + "y" * 20]))
        return self._text

    def _type(self, text: str) -> None:
        for character in text:
            self._shell.key(character)
            self._text += character

    def _erase(self, count: int) -> None:
        for _ in range(count):
            if not self._text or not self._text[-1].isascii():
                return
            self._text = self._text[:-1]
            self._shell.key("\x08\x1b[K")

    def _recall(self, text: str) -> None:
        """Up: readline moves to the beginning, erases, and writes the line of its history."""
        self._shell.key("\r" + self._shell.prompt + "\x1b[K" + text)
        self._text = text


@pytest.mark.timeout(7200)
def test_lines_of_invented_shells_are_exact(full: bool) -> None:
    """With prompts of any kind, output of built-ins between the lines, and ^C. A hundred thousand shells at full size."""
    for seed in range(_ALL if full else _SHELLS):
        draw = random.Random(seed)
        prompt = draw.choice(["$ ", "# ", "root@api-0:/# ", "\x1b[1;32mu@h\x1b[0m:~$ ", "λ> ", "[12:00]\r\n> "])
        shell = Typist(prompt=prompt, bracketed=draw.random() < 0.7, pid=100 + seed, session=100 + seed)
        shell.start()
        typed: list[tuple[str, bool]] = []
        for _ in range(draw.randint(1, 4)):
            text = Editor(shell, draw).line()
            aborted = draw.random() < 0.15
            if aborted:
                shell.paint("^C")
                shell.paint("\r\n\x1b[?2004l\r" if shell.bracketed else "\n")
            else:
                shell.enter()
            if text.strip():
                typed.append((text.rstrip(), aborted))
            if draw.random() < 0.4:
                shell.paint(draw.choice(["output\n", "a\nb\n", "$ not a prompt\n", "\x1b[31mred\x1b[0m\n"]))
            shell.show_prompt()
        found = [(each.text.rstrip(), each.aborted) for each in commands_of(shell.alerts)]
        assert found == typed, (seed, prompt)


def test_a_wrapped_line_is_one_line() -> None:
    """At every length around the width, which the first long line shows."""
    for length in range(_WIDTH - 6, 3 * _WIDTH):
        shell = Typist(width=_WIDTH, started_ns=START + length * SECOND)
        shell.start()
        text = ("0123456789" * 20)[:length]
        shell.type(text)
        assert [each.text for each in commands_of(shell.alerts)] == [text]
