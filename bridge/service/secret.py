"""Text that must not be seen."""

from __future__ import annotations


class Secret:
    """A secret: printed, logged or in a traceback it is ``***``; ``reveal`` gives it to whoever needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__
