"""The terms under which an alert is found: its words, and exact values of what is searched most.

A word longer than `LONGEST_WORD` is indexed by its beginning, and the alert is marked with `LONG`. An exact value is
one term: ``§``, a letter for what it is, and a hash. Alerts may contain such text: a term only says that an alert may
match.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from bridge.alert import Alert
from bridge.history.words import all_words
from bridge.journal.records import RecordedAlert

LONGEST_WORD = 64
MARK = "§"
LONG = f"{MARK}long"
EXACT_FIELDS = {"k8s.ns.name": "n", "user.name": "u", "proc.name": "x"}
EXACT_ATTRIBUTES = {"rule": "r", "source": "s", "hostname": "h"}
_MAX_VALUES = 10_000
ROUTE, CHANNEL, REASON, PRIORITY = "t", "c", "w", "y"


@lru_cache(_MAX_VALUES)
def exact_term(letter: str, value: str) -> str:
    """The term of an exact value."""
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{MARK}{letter}{digest}"


def terms_text(recorded: RecordedAlert) -> str:
    """All terms of an alert, separated by blanks."""
    words = all_words(recorded.alert)
    if any(len(word) > LONGEST_WORD for word in words):
        words = {word[:LONGEST_WORD] for word in words} | {LONG}
    words.update(_exact_terms(recorded.alert))
    for decision in recorded.decisions:
        words.add(exact_term(ROUTE, decision.route))
        words.add(exact_term(REASON, decision.reason.value))
        words.update(exact_term(CHANNEL, channel) for channel in decision.channels)
    return " ".join(words)


def _exact_terms(alert: Alert) -> Iterator[str]:
    yield f"{MARK}{PRIORITY}{int(alert.priority)}"
    for name, letter in EXACT_ATTRIBUTES.items():
        yield exact_term(letter, getattr(alert, name))
    for name, letter in EXACT_FIELDS.items():
        value = alert.fields.get(name)
        if value is not None:
            yield exact_term(letter, value)
