"""Finds the Falco rules that can match a route, and the fields it reads that none of them outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bridge.alert import Alert, make_alert
from bridge.alert.alert import is_clock_field
from bridge.alert.catalogue import OWN_FIELDS, find_field, unknown_argument
from bridge.language.falco.rules import FalcoRule
from bridge.language.program.clauses import Then, Unless, With, own_fields
from bridge.language.program.condition import All, Any, Condition, Not
from bridge.language.program.fields.carriers import carriers_of, is_printable, substitute
from bridge.language.program.fields.kinds import ATTRIBUTES, LABEL
from bridge.language.program.program import Route
from bridge.language.program.template import parse_template
from bridge.matching.closures import compile_condition
from bridge.matching.normal import fields_of

_KNOWN_FROM_RULE = frozenset({"rule", "source", "priority", "tags"})
_NO_LABELS: Mapping[str, str] = {}
_NOT_OUTPUT_FIELDS = frozenset({*ATTRIBUTES, "route", "severity", "message", "count", "suppressed", "first", "last"})
_PLAIN = re.compile(r"[\w.-]+")
_ALL_EVENTS = frozenset({
    "evt.asynctype", "evt.hostname", "evt.is_async", "evt.num", "evt.plugininfo", "evt.pluginname", "evt.source",
})  # fmt: skip
"""Fields that plugin events have as well, although Falco lists them for system calls."""
_MAX_NAMED = 5
"""Up to this many rules are matched by name; more are matched by their alert source."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An entry of ``append_output`` in falco.yaml."""

    match: tuple[str, str]
    """``rule`` or ``source``, and the name."""
    fields: tuple[str, ...]

    def line(self) -> str:
        """The entry on one line."""
        kind, name = self.match
        return f"- {{match: {{{kind}: {_quoted(name)}}}, extra_fields: [{', '.join(map(as_yaml, self.fields))}]}}"


def as_yaml(field: str) -> str:
    """The name of a field as a YAML item. A name with brackets needs quotes in a flow sequence."""
    return field if _PLAIN.fullmatch(field) else _quoted(field)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def reaching(route: Route, rules: Iterable[FalcoRule]) -> list[FalcoRule]:
    """The rules whose alerts can match the route, judged by name, source, priority and tags."""
    return list(rules) if route.when is None else reaching_condition(route.when, rules)


def reaching_condition(condition: Condition, rules: Iterable[FalcoRule]) -> list[FalcoRule]:
    """The rules whose alerts can meet the condition, judged by name, source, priority and tags."""
    return [rule for rule in rules if _result(condition, _alert_of(rule)) is not False]


def missing_everywhere(names: Iterable[str], rules: Sequence[FalcoRule]) -> frozenset[str]:
    """The fields that none of these rules outputs. Empty if there are no rules."""
    return frozenset(
        name for name in _of_output(frozenset(names)) if rules and not any(_has(each, name) for each in rules)
    )


def wanted_fields(route: Route) -> frozenset[str]:
    """The output fields that the route's conditions and texts read, and that an alert can contain."""
    compared = {name for name in _compared(route) if carriers_of(name) is not None or is_printable(name)}
    names = compared | {name for name in _read_as_text(route) if is_printable(name)}
    names |= {each.column for each in route.tables}
    keys = {name for column in names & route.columns.keys() for name in route.columns[column]}
    return _of_output((names - route.columns.keys()) | keys)


def unprintable(route: Route) -> dict[str, str]:
    """The fields that the route reads and no alert contains, each with what to do instead."""
    compared = {name for name in _compared(route) if carriers_of(name) is None}
    names = _of_output(compared | _read_as_text(route))
    return {name: substitute(name) for name in sorted(names) if not is_printable(name)}


def compared_fields(route: Route) -> frozenset[str]:
    """All fields that decide what the route does: those of its condition, and of its clauses with their conditions."""
    names = set(_compared(route))
    for clause in route.clauses:
        names.update(own_fields(clause))
        match clause:
            case Then():
                names.update(*(fields_of(step.condition) for step in clause.steps))
                names.update(pair.other for step in clause.steps for pair in step.by)
            case Unless() | With():
                names |= fields_of(clause.condition) | {pair.other for pair in clause.by}
            case _:
                pass
    return frozenset(names)


def _compared(route: Route) -> frozenset[str]:
    return frozenset() if route.when is None else fields_of(route.when)


def _read_as_text(route: Route) -> set[str]:
    """The fields of its own alerts in the route's texts and in its clauses with memory."""
    texts = [text for text in (route.title, route.message) if text is not None]
    texts += [link.url for link in route.links]
    names = {slot.name for text in texts for slot in parse_template(text).slots}.union(route.fields)
    others = {clause.name for clause in route.clauses if isinstance(clause, With)}
    names = {name for name in names if name.partition(".")[0] not in others and not name[0].isdigit()}
    return names.union(*(own_fields(clause) for clause in route.clauses))


def _of_output(names: AbstractSet[str]) -> frozenset[str]:
    return frozenset(
        name
        for name in names
        if name not in _NOT_OUTPUT_FIELDS and not name.startswith((LABEL, *OWN_FIELDS)) and not is_clock_field(name)
    )


def never_emitted(route: Route, rules: Iterable[FalcoRule]) -> frozenset[str]:
    """The fields that the route reads and that no rule that can match it outputs."""
    reached = reaching(route, rules)
    return frozenset(name for name in wanted_fields(route) if reached and not any(_has(rule, name) for rule in reached))


def _has(rule: FalcoRule, name: str) -> bool:
    """Whether the rule outputs the field, or one that carries its values."""
    carriers = carriers_of(name)
    return name in rule.fields if carriers is None else not carriers.names.isdisjoint(rule.fields)


def _lacks(rule: FalcoRule, name: str, proposed: str) -> bool:
    """Whether the rule does not output ``proposed``, which is the field ``name`` or carries its values."""
    carriers = carriers_of(name)
    return proposed not in rule.fields if carriers is None else not carriers.carried(proposed, rule.fields)


def _proposed(name: str) -> tuple[str, ...]:
    """The output fields that give an alert the values of a field. Empty if Falco may not start with them."""
    carriers = carriers_of(name)
    if carriers is not None:
        return carriers.proposed
    return () if is_unverified(name) else (name,)


def is_unverified(name: str) -> bool:
    """Whether Falco may reject the field: it or its argument is unknown, or a label with a dot (before Falco 0.41)."""
    known = find_field(name)
    return (
        known is None
        or unknown_argument(name) is not None
        or (known.name.endswith(".label") and name.startswith(f"{known.name}."))
    )


def extras(routes: Iterable[Route], rules: Iterable[FalcoRule], *, all_rules: bool) -> tuple[Extra, ...]:
    """The ``append_output`` entries that make the rules output the fields that the routes read.

    With ``all_rules``, for every rule that can match a route; otherwise only for fields that no such rule outputs. Only
    fields of the rule's alert source are included: Falco does not start with others (``LOAD_ERR_COMPILE_OUTPUT``).
    """
    rules = list(rules)
    fields: dict[tuple[str, str], set[str]] = {}
    for route in routes:
        reached = reaching(route, rules)
        for name in wanted_fields(route) if all_rules else never_emitted(route, rules):
            for proposed in _proposed(name):
                lacking = [rule for rule in reached if _lacks(rule, name, proposed) and _can_emit(rule, proposed)]
                for match in _matches(lacking):
                    fields.setdefault(match, set()).add(proposed)
    return tuple(Extra(match, tuple(sorted(names))) for match, names in sorted(fields.items()))


def _can_emit(rule: FalcoRule, name: str) -> bool:
    """Whether the rule's alert source has the field."""
    field = find_field(name)
    return field is not None and (field.source in ("*", rule.source) or field.name in _ALL_EVENTS)


def _matches(rules: list[FalcoRule]) -> set[tuple[str, str]]:
    if len(rules) <= _MAX_NAMED:
        return {("rule", rule.name) for rule in rules}
    return {("source", rule.source) for rule in rules}


def _alert_of(rule: FalcoRule) -> Alert:
    return make_alert(
        time_ns=0, priority=rule.priority, rule=rule.name, source=rule.source, hostname="", tags=rule.tags, output="",
        fields={},
    )  # fmt: skip


def _result(condition: Condition, alert: Alert) -> bool | None:
    """The result of the condition. None if it depends on more than the rule."""
    match condition:
        case All():
            results = [_result(each, alert) for each in condition.conditions]
            return False if False in results else None if None in results else True
        case Any():
            results = [_result(each, alert) for each in condition.conditions]
            return True if True in results else None if None in results else False
        case Not():
            inner = _result(condition.condition, alert)
            return None if inner is None else not inner
        case _:
            known = fields_of(condition) <= _KNOWN_FROM_RULE
            return compile_condition(condition, _NO_LABELS)(alert) if known else None
