"""A text that must not appear in any output."""

from __future__ import annotations

from pathlib import Path


class Secret:
    """A secret text. Printed, logged or in a traceback it is ``***``; ``reveal`` returns it."""

    __slots__ = ("_text", "file")

    def __init__(self, text: str, file: Path | None = None) -> None:
        self._text = text
        self.file = file
        """The file that contains this text and nothing else, if it was read from one."""

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


def revealed(secret: Secret | None) -> str:
    """The text of a secret that may be absent: empty for None."""
    return "" if secret is None else secret.reveal()
