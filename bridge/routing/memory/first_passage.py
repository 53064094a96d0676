"""The match of a route as its first clause gets it. Routes with the same keys and severity share it."""

from __future__ import annotations

from collections.abc import Callable

from bridge.alert import Alert
from bridge.routing.memory.clauses.passage import NO_VALUES, Passage
from bridge.routing.memory.keys import KeyOf
from bridge.routing.notification import NotificationKind

FirstPassage = Callable[[Alert, Alert, int], Passage]
"""From the original, the redacted alert and its event time to the passage."""
FirstPassages = Callable[[tuple[KeyOf, ...], Callable[[Alert], str], int | None], FirstPassage]
"""As ``first_passage``."""

_SINGLE = NotificationKind.SINGLE
"""In Python 3.11, reading a member of an enumeration calls a function."""


def first_passage(keys: tuple[KeyOf, ...], shown: Callable[[Alert], str], severity: int | None) -> FirstPassage:
    """``keys`` reads the key of each clause. ``severity`` is the route's; None for the alert's priority.

    The function remembers its last passage: most routes that remember an alert do so by the same fields, and an engine
    gives those the same function.
    """
    only = keys[0] if len(set(keys)) == 1 else None
    count = len(keys)
    last: tuple[Alert | None, Alert | None, int, Passage | None] = (None, None, 0, None)

    def passage(alert: Alert, redacted: Alert, event_ns: int) -> Passage:
        nonlocal last
        known_alert, known_redacted, known_ns, known = last
        if known_alert is alert and known_redacted is redacted and known_ns == event_ns and known is not None:
            return known
        all_keys = tuple([key(alert) for key in keys]) if only is None else (only(alert),) * count
        made = Passage(
            alert.id, event_ns, int(alert.priority) if severity is None else severity, all_keys, shown(redacted),
            _SINGLE, 1, event_ns, event_ns, 0, NO_VALUES,
        )  # fmt: skip
        last = (alert, redacted, event_ns, made)
        return made

    return passage
