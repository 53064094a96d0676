"""What was worked out before, within bounds of memory."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")
OF_AN_ENTRY = 100
"""Bytes that a dictionary needs for an entry, about, when it has just grown."""


class Memo(dict[_Key, _Value]):
    """A mapping that forgets everything past its bound and begins anew: what is to come again does so soon."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._bytes = 0

    def keep(self, key: _Key, value: _Value, size: int) -> None:
        """Remember it; key and value take ``size`` bytes."""
        if self._bytes > self._most_bytes:
            self.forget()
        self[key] = value
        self._bytes += size + OF_AN_ENTRY

    def forget(self) -> None:
        """Begin anew."""
        self.clear()
        self._bytes = 0


def size_of(items: tuple[str, ...]) -> int:
    """The bytes of a list, those of its items among them; ``sys.getsizeof`` would take seven times as long."""
    return items.__sizeof__() + sum(map(str.__sizeof__, items))
