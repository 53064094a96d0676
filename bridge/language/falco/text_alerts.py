"""Completes text alerts: recovers rule, source, tags and fields from the outputs of Falco's rules. Pure.

A rule's ``output:`` is a pattern: fixed words with values between them. Attackers control the values and can put words
of the pattern into them. Therefore anything ambiguous is left out:

- The rule is set only if exactly one rule of that priority matches.
- A value is set only if both its ends are at the same place in every possible match. Each word has an earliest place
  (matching from the left) and a latest place (matching from the right); if they are equal, the place is unique. Both
  are found by plain search in linear time.

A value that contains words of the pattern can hide itself and its neighbours, but cannot forge a value. Falco may
append to the output (`` container_id=… k8s_ns_name=…``); the output without additions is also a possible match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bridge.alert import MISSING, Alert, Priority
from bridge.alert.alert import is_clock_field, make_alert
from bridge.alert.forms.text_form import output_of_line
from bridge.language.falco.rules import FalcoRule
from bridge.language.program.template import Slot, Template, parse_template

_MORE = re.compile(r" [A-Za-z_][A-Za-z0-9_.]{0,80}=")
"""The start of an addition to the output by Falco."""
_MAX_LINE = 256 << 10
"""Characters. Longer lines are not completed."""

Places = Sequence[int]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The output of a rule: words and values alternate, with words (possibly empty) at both ends."""

    rule: FalcoRule
    words: tuple[str, ...]
    slots: tuple[Slot, ...]

    def fields_in(self, text: str) -> dict[str, str | None] | None:
        """The unambiguous values; None for a missing value. Returns None if the pattern does not match."""
        if not self.slots:
            return {} if _last_end(text, self.words[0]) == 0 else None
        first, last = self._from_left(text), self._from_right(text)
        if first is None or last is None:
            return None
        fields: dict[str, str | None] = {}
        for at, slot in enumerate(self.slots):
            if first[at] != last[at] or first[at + 1] != last[at + 1] or slot.width or slot.transform:
                continue
            value = text[first[at] + len(self.words[at]) : first[at + 1]]
            known = None if value == MISSING else value
            if fields.setdefault(slot.name, known) != known:
                return None
        return fields

    def _from_left(self, text: str) -> Places | None:
        """The earliest place of each word, or None."""
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
        """The latest place of each word, or None."""
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
    """Completes the text alerts of a set of rules."""

    def __init__(self, rules: Iterable[FalcoRule]) -> None:
        self._patterns: dict[Priority, list[_Pattern]] = {}
        for rule in rules:
            if rule.output:
                self._patterns.setdefault(rule.priority, []).append(_pattern(rule))

    @property
    def has_rules(self) -> bool:
        """Whether ``completed`` may change an alert."""
        return bool(self._patterns)

    def completed(self, alert: Alert) -> Alert:
        """The completed alert. The same object if nothing can be added or if it is not a text alert."""
        if alert.rule or not self._patterns:
            return alert
        text = output_of_line(alert.output)
        if text is None or len(text) > _MAX_LINE:
            return alert
        matching = list(self._matching(text, alert.priority))
        return _completed(alert, *matching[0]) if len(matching) == 1 else alert

    def _matching(self, text: str, priority: Priority) -> Iterator[tuple[FalcoRule, dict[str, str | None]]]:
        for pattern in self._patterns.get(priority, ()):
            fields = pattern.fields_in(text)
            if fields is not None:
                yield pattern.rule, fields


NO_RULES = TextAlerts(())
"""Completes nothing. For programs without imported rules."""


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
    """The first place of the last word, followed by the end of the line or an addition by Falco."""
    if not word:
        more = _MORE.search(text, start)
        return len(text) if more is None else more.start()
    at = text.find(word, start)
    while at >= 0 and not _is_end(text, at + len(word)):
        at = text.find(word, at + 1)
    return at


def _last_end(text: str, word: str) -> int:
    """The last place of the last word, followed by the end of the line or an addition by Falco."""
    at = text.rfind(word)
    while at >= 0 and not _is_end(text, at + len(word)):
        at = text.rfind(word, 0, at + len(word) - 1)
    return at


def _is_end(text: str, at: int) -> bool:
    return at == len(text) or _MORE.match(text, at) is not None
