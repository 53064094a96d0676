"""The words of an alert: runs of ASCII letters, digits and other characters beyond ASCII, in lower case.

Everything else in ASCII separates words: blanks, ``/``, ``-``, ``.``, ``_``. SQLite's tokenizer ``ascii`` splits text
in the same way, so that the index and this module agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.alert import Alert
from bridge.matching.text import lower

_WORD = re.compile("[^\x00-/:-@\\[-`{-\x7f]+")


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    return _WORD.findall(lower(text))


def texts_of(alert: Alert) -> Iterator[str]:
    """The texts of an alert whose words can be searched: its attributes, its output and the values of its fields."""
    yield alert.rule
    yield alert.source
    yield alert.hostname
    yield from alert.tags
    yield alert.output
    yield from alert.fields.values()
    for items in alert.lists.values():
        yield from items


def all_words(alert: Alert) -> set[str]:
    """The words that the alert is found by."""
    return set(words_of(" ".join(texts_of(alert))))
