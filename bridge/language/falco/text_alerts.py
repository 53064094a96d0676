"""What a text alert leaves out, recovered from the outputs of Falco's rules: its rule, source, tags, fields. Pure.

A rule's ``output:`` is a pattern: words with values between them. Attackers write the values, and may write words into
them that look like the pattern's own. Therefore nothing is taken that could be read in two ways:

- The rule is told only where, of all rules of that priority, exactly one fits.
- A value is told only where both its ends stand at one place in every way in which the pattern fits. Each word of the
  pattern has an earliest place (fitting from the left) and a latest (from the right); where they are the same, there is
  no other. Both are found by plain search, in time that grows with the line's length.

So a value with words of the pattern in it can hide itself and its neighbours, and can forge none. Behind the pattern's
end Falco may have written more by itself (`` container_id=… k8s_ns_name=…``); that counts as a second way to fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bridge.alert import MISSING, Alert, Priority
from bridge.alert.alert import is_clock_field, make_alert
from bridge.alert.forms.text_form import said_in
from bridge.language.falco.rules import FalcoRule
from bridge.language.program.template import Slot, Template, parse_template

_MORE = re.compile(r" [A-Za-z_][A-Za-z0-9_.]{0,80}=")
"""How something begins that Falco wrote behind a rule's output."""
_LONGEST = 256 << 10
"""Characters of a line; in a longer one nothing is looked for."""

Places = Sequence[int]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One rule's output: words and values in turn, words at both ends (which may be empty)."""

    rule: FalcoRule
    words: tuple[str, ...]
    slots: tuple[Slot, ...]

    def fields_in(self, text: str) -> dict[str, str | None] | None:
        """Each value that can be told, None for one that is missing; None in all where the pattern does not fit."""
        if not self.slots:
            return {} if _last_end(text, self.words[0]) == 0 else None
        first, last = self._from_left(text), self._from_right(text)
        if first is None or last is None:
            return None
        told: dict[str, str | None] = {}
        for at, slot in enumerate(self.slots):
            if first[at] != last[at] or first[at + 1] != last[at + 1] or slot.width or slot.transform:
                continue
            value = text[first[at] + len(self.words[at]) : first[at + 1]]
            known = None if value == MISSING else value
            if told.setdefault(slot.name, known) != known:
                return None
        return told

    def _from_left(self, text: str) -> Places | None:
        """The earliest place of each word."""
        if not text.startswith(self.words[0]):
            return None
        places, end = [0], len(self.words[0])
        for word in self.words[1:-1]:
            at = text.find(word, end)
            if at < 0:
                return None
            places.append(at)
            end = at + len(word)
        return self._ended(text, places, _first_end(text, self.words[-1], end))

    def _from_right(self, text: str) -> Places | None:
        """The latest place of each word."""
        at = _last_end(text, self.words[-1])
        places = [at]
        for word in reversed(self.words[1:-1]):
            at = text.rfind(word, 0, max(at, 0))
            places.append(at)
        return None if min(places) < len(self.words[0]) else [0, *reversed(places)]

    @staticmethod
    def _ended(text: str, places: list[int], end: int) -> Places | None:
        return None if end < 0 or end > len(text) else [*places, end]


class TextAlerts:
    """The rules whose text alerts are known again."""

    def __init__(self, rules: Iterable[FalcoRule]) -> None:
        self._patterns: dict[Priority, list[_Pattern]] = {}
        for rule in rules:
            if rule.output:
                self._patterns.setdefault(rule.priority, []).append(_pattern(rule))

    def completed(self, alert: Alert) -> Alert:
        """The alert with what can be told; the same one where that is nothing, and where it is no text alert."""
        if alert.rule or not self._patterns:
            return alert
        text = said_in(alert.output)
        if text is None or len(text) > _LONGEST:
            return alert
        fitting = list(self._fitting(text, alert.priority))
        return _completed(alert, *fitting[0]) if len(fitting) == 1 else alert

    def _fitting(self, text: str, priority: Priority) -> Iterator[tuple[FalcoRule, dict[str, str | None]]]:
        for pattern in self._patterns.get(priority, ()):
            fields = pattern.fields_in(text)
            if fields is not None:
                yield pattern.rule, fields


NO_RULES = TextAlerts(())
"""Where no rules file is imported."""


def _completed(alert: Alert, rule: FalcoRule, fields: dict[str, str | None]) -> Alert:
    return make_alert(
        time_ns=alert.time_ns,
        priority=alert.priority,
        rule=rule.name,
        source=rule.source,
        hostname=alert.hostname,
        tags=tuple(sorted(rule.tags)),
        output=alert.output,
        fields={name: value for name, value in fields.items() if value is not None and not is_clock_field(name)},
    )


def _pattern(rule: FalcoRule) -> _Pattern:
    template: Template = parse_template(rule.output)
    words, slots = [""], []
    for part in template.parts:
        if isinstance(part, Slot):
            slots.append(part)
            words.append("")
        else:
            words[-1] += part
    return _Pattern(rule, tuple(words), tuple(slots))


def _first_end(text: str, word: str, start: int) -> int:
    """The first place of the pattern's last word: the line's end is behind it, or something that Falco wrote."""
    if not word:
        more = _MORE.search(text, start)
        return len(text) if more is None else more.start()
    at = text.find(word, start)
    while at >= 0 and not _ends(text, at + len(word)):
        at = text.find(word, at + 1)
    return at


def _last_end(text: str, word: str) -> int:
    """The last place of the pattern's last word."""
    at = text.rfind(word)
    while at >= 0 and not _ends(text, at + len(word)):
        at = text.rfind(word, 0, at + len(word) - 1)
    return at


def _ends(text: str, at: int) -> bool:
    return at == len(text) or _MORE.match(text, at) is not None
