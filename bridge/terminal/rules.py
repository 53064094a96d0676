"""The Falco rules whose alerts are terminal material, and what each of them observes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from bridge.alert import Alert

PREFIX = "fb: "
"""The beginning of the name of every one of these rules (``examples/terminal/``)."""
MATERIAL_MARK = b'"fb: '
"""What a message contains that is terminal material, or a part of it."""


class Kind(IntEnum):
    """What a piece of terminal material says."""

    PAINT = 1
    """A shell wrote to its terminal."""
    KEY = 2
    """A shell read a key, which is not known."""
    END = 3
    """A shell read Enter, ^C or ^D."""
    LINE = 4
    """A shell read a whole line."""
    WRITE = 5
    """A shell opened a file for writing."""
    EXEC = 6
    """A program was started."""
    ANNOUNCED = 7
    """bash named the line that it is about to run."""
    EXIT = 8
    """A process ended."""
    AUDIT = 9
    """Kubernetes recorded who opened a session in a pod."""
    DROP = 10
    """Falco lost events on a node."""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "fb: shell painted its terminal": Kind.PAINT,
        "fb: key read in a terminal": Kind.KEY,
        "fb: line ended in a terminal": Kind.END,
        "fb: line read from a terminal": Kind.LINE,
        "fb: shell opened a file for writing": Kind.WRITE,
        "fb: command started in a terminal": Kind.EXEC,
        "fb: command announced by its shell": Kind.ANNOUNCED,
        "fb: program at a terminal ended": Kind.EXIT,
        "fb: shell ended": Kind.EXIT,
    }
)
SHELLS = frozenset({"bash", "rbash", "dash", "sh", "ash", "busybox", "zsh", "ksh", "ksh93", "mksh"})
"""The shells that the rules observe."""


def is_material(alert: Alert) -> bool:
    """Whether the alert is terminal material, which no route and no history gets."""
    return alert.rule.startswith(PREFIX)
