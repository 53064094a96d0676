"""The error of a text in the config that is no value of its type."""

from __future__ import annotations

from bridge.language.diagnostics.diagnostic import Code


class InvalidValueError(ValueError):
    """A text that is no value of its type. ``message`` is empty where the usual sentence fits."""

    def __init__(self, hint: str = "", message: str = "", code: Code = Code.INVALID_VALUE) -> None:
        super().__init__(message)
        self.hint = hint
        self.message = message
        self.code = code
