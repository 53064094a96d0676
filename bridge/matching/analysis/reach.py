"""Which of Falco's rules can reach a route, and which fields the route reads that none of them emits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.alert import Alert, make_alert
from bridge.alert.alert import is_clock_field
from bridge.alert.catalogue import find_field
from bridge.language.falco.rules import FalcoRule
from bridge.language.program.condition import All, Any, Condition, Not
from bridge.language.program.kinds import ATTRIBUTES, LABEL
from bridge.language.program.program import Route
from bridge.language.program.template import parse_template
from bridge.matching.closures import compile_condition
from bridge.matching.normal import fields_of

_TOLD_BY_RULE = frozenset({"rule", "source", "priority", "tags"})
_NO_LABELS: Mapping[str, str] = {}
_SAID_OF_ROUTE = frozenset({*ATTRIBUTES, "route", "severity", "message", "count", "suppressed", "first", "last"})
_PLAIN = re.compile(r"[\w.-]+")
_OF_EVERY_EVENT = frozenset({
    "evt.asynctype", "evt.hostname", "evt.is_async", "evt.num", "evt.plugininfo", "evt.pluginname", "evt.source",
})  # fmt: skip
"""What Falco tells of plugins' events too, though its list of fields has it among the system calls'."""
_MOST_NAMED = 5
"""Up to so many rules are named one by one; more are told by their source."""


@dataclass(frozen=True, slots=True)
class Extra:
    """One entry of falco.yaml's ``append_output``."""

    match: tuple[str, str]
    """``rule`` or ``source``, and its name."""
    fields: tuple[str, ...]

    def line(self) -> str:
        """The entry on one line."""
        kind, name = self.match
        return f"- {{match: {{{kind}: {_quoted(name)}}}, extra_fields: [{', '.join(map(as_yaml, self.fields))}]}}"


def as_yaml(field: str) -> str:
    """A field's name as an item of YAML: one with an argument in brackets needs quotes in a list on one line."""
    return field if _PLAIN.fullmatch(field) else _quoted(field)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def reaching(route: Route, rules: Iterable[FalcoRule]) -> list[FalcoRule]:
    """The rules whose alerts could meet the route's condition, as far as names, sources, priorities and tags tell."""
    if route.when is None:
        return list(rules)
    return [rule for rule in rules if _verdict(route.when, _alert_of(rule)) is not False]


def wanted_fields(route: Route) -> frozenset[str]:
    """The output fields that the route's condition and texts read."""
    names = set() if route.when is None else set(fields_of(route.when))
    for template in (route.title, route.message):
        if template is not None:
            names.update(slot.name for slot in parse_template(template).slots)
    for clause in route.memory:
        names.update((*clause.fields, *clause.by))
        if clause.condition is not None:
            names.update(fields_of(clause.condition))
    return frozenset(
        name for name in names if name not in _SAID_OF_ROUTE and not name.startswith(LABEL) and not is_clock_field(name)
    )


def never_emitted(route: Route, rules: Iterable[FalcoRule]) -> frozenset[str]:
    """The fields that the route reads and no rule that can reach it emits."""
    reached = reaching(route, rules)
    return frozenset(name for name in wanted_fields(route) if reached and not any(name in r.fields for r in reached))


def extras(routes: Iterable[Route], rules: Iterable[FalcoRule], *, all_rules: bool) -> tuple[Extra, ...]:
    """What falco.yaml must append so that the routes find their fields.

    ``all_rules`` asks it of every rule that can reach a route; otherwise only where no rule emits a field. A rule is
    asked for what its source has alone: Falco does not start with another (``LOAD_ERR_COMPILE_OUTPUT``).
    """
    rules = list(rules)
    fields: dict[tuple[str, str], set[str]] = {}
    for route in routes:
        reached = reaching(route, rules)
        for name in wanted_fields(route) if all_rules else never_emitted(route, rules):
            lacking = [rule for rule in reached if name not in rule.fields and _can_emit(rule, name)]
            for match in _matches(lacking):
                fields.setdefault(match, set()).add(name)
    return tuple(Extra(match, tuple(sorted(names))) for match, names in sorted(fields.items()))


def _can_emit(rule: FalcoRule, name: str) -> bool:
    """Whether the rule's source has the field. Of fields that are in no catalogue nothing is known."""
    field = find_field(name)
    return field is None or field.source in ("*", rule.source) or field.name in _OF_EVERY_EVENT


def _matches(rules: list[FalcoRule]) -> set[tuple[str, str]]:
    if len(rules) <= _MOST_NAMED:
        return {("rule", rule.name) for rule in rules}
    return {("source", rule.source) for rule in rules}


def _alert_of(rule: FalcoRule) -> Alert:
    return make_alert(
        time_ns=0, priority=rule.priority, rule=rule.name, source=rule.source, hostname="", tags=rule.tags, output="",
        fields={},
    )  # fmt: skip


def _verdict(condition: Condition, alert: Alert) -> bool | None:
    """True, False, or None where that depends on more than the rule."""
    match condition:
        case All():
            verdicts = [_verdict(each, alert) for each in condition.conditions]
            return False if False in verdicts else None if None in verdicts else True
        case Any():
            verdicts = [_verdict(each, alert) for each in condition.conditions]
            return True if True in verdicts else None if None in verdicts else False
        case Not():
            inner = _verdict(condition.condition, alert)
            return None if inner is None else not inner
        case _:
            known = fields_of(condition) <= _TOLD_BY_RULE
            return compile_condition(condition, _NO_LABELS)(alert) if known else None
