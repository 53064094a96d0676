"""Proves that a condition never holds, always holds, or implies another.

Detected: contradictory terms over one value (two equal values, missing and compared, outside of a list, numeric ranges,
priorities, booleans, prefixes), and a term with its negation. Not attempted: relations between regexes, globs and
substrings, between two fields, or beyond 256 alternatives. What is reported is true; what is not may be true too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bridge.alert import Alert, Priority, make_alert
from bridge.language.program.condition import Compare, Condition, Exists, Field, Items, Kind, Literal, Operator
from bridge.language.program.fields.carriers import carriers_of
from bridge.language.program.fields.kinds import ATTRIBUTES, INTEGERS, LABEL, NUMERIC, ORDERING
from bridge.language.program.fields.values import parse_unsigned
from bridge.matching.closures import compile_condition
from bridge.matching.normal import Alternative, Key, Term, alternatives
from bridge.matching.values import LITERAL_PARSERS

_MAX_CANDIDATES = 1000
_ENUMERABLE = frozenset({Kind.TEXT, Kind.BYTES}) | INTEGERS - {Kind.DEVICE}
"""Kinds whose literals can be the value of a field."""
_NO_LABELS: Mapping[str, str] = {}


def never_holds(condition: Condition) -> bool:
    """Whether the condition is provably false for every alert."""
    found = alternatives(condition)
    return found is not None and all(_impossible(alternative) for alternative in found)


def always_holds(condition: Condition) -> bool:
    """Whether the condition is provably true for every alert."""
    found = alternatives(condition, negated=True)
    return found is not None and all(_impossible(alternative) for alternative in found)


def implies(condition: Condition, other: Condition) -> bool:
    """Whether ``other`` is provably true for every alert for which ``condition`` is true."""
    mine, outside = alternatives(condition), alternatives(other, negated=True)
    if mine is None or outside is None or len(mine) * len(outside) > _MAX_CANDIDATES:
        return False
    return all(_impossible((*one, *another)) for one in mine for another in outside)


def keys_of(condition: Condition) -> frozenset[Key] | None:
    """The keys of all terms of the condition. None if it has too many alternatives."""
    found = alternatives(condition)
    return None if found is None else frozenset(term.key for alternative in found for term in alternative)


def _impossible(alternative: Alternative) -> bool:
    by_key: dict[Key, list[Term]] = defaultdict(list)
    for term in alternative:
        by_key[term.key].append(term)
    return any(_exclude(terms) for terms in by_key.values())


def _exclude(terms: Sequence[Term]) -> bool:
    """Whether these terms over one value are contradictory."""
    required = {term.identity for term in terms if not term.negated}
    if any(term.negated and term.identity in required for term in terms):
        return True
    present = [term for term in terms if not term.negated]
    if present and any(term.negated and isinstance(term.test, Exists) for term in terms):
        return True
    if _may_have_several_values(terms[0]):
        return False
    candidates = _priorities(terms) or _candidates(present)
    if candidates is not None:
        return not any(_all_hold(terms, alert) for alert in candidates)
    return _out_of_bounds(present) or _prefixes_differ(present)


def _priorities(terms: Sequence[Term]) -> list[Alert] | None:
    """An alert for each of the eight priorities, if the terms test the priority."""
    field = _plain_field(terms[0])
    if field is None or field.kind is not Kind.PRIORITY:
        return None
    return [_alert(field, priority.word) for priority in Priority]


def _candidates(present: Sequence[Term]) -> list[Alert] | None:
    """An alert for each value that could satisfy the terms. None if the values cannot be enumerated."""
    for term in present:
        field = _plain_field(term)
        if field is None:
            return None
        if field.kind is Kind.BOOL:
            return [_alert(field, text) for text in ("true", "false", "neither")]
        texts = _equal_texts(term.test)
        if texts is not None and field.kind in _ENUMERABLE:
            return [_alert(field, text) for text in texts]
    return None


def _plain_field(term: Term) -> Field | None:
    operand = term.test.left if isinstance(term.test, Compare) else term.test.operand
    return operand if isinstance(operand, Field) and operand.kind is not Kind.LIST else None


def _may_have_several_values(term: Term) -> bool:
    operand = term.test.left if isinstance(term.test, Compare) else term.test.operand
    return isinstance(operand, Field) and carriers_of(operand.name) is not None


def _equal_texts(test: Compare | Exists) -> list[str] | None:
    """The values of an ``=`` or ``in``. None for other tests."""
    match test:
        case Compare(operator=Operator.EQ, right=Literal(text=text), quantifier=None):
            return [text]
        case Compare(operator=Operator.IN, right=Items(values=values)) if len(values) <= _MAX_CANDIDATES:
            return [literal.text for literal in values]
        case _:
            return None


def _alert(field: Field, text: str) -> Alert:
    attributes = {"rule": "", "source": "", "hostname": "", "output": ""}
    name = field.name
    if name in attributes:
        attributes[name] = text
    return make_alert(
        time_ns=(parse_unsigned(text) or 0) if name == "time" else 0,
        priority=Priority[text.upper()] if name == "priority" else Priority.DEBUG,
        rule=attributes["rule"],
        source=attributes["source"],
        hostname=attributes["hostname"],
        tags=(),
        output=attributes["output"],
        fields={} if name in ATTRIBUTES else {name: text},
    )


def _all_hold(terms: Sequence[Term], alert: Alert) -> bool:
    return all(_holds(term, alert) for term in terms)


def _holds(term: Term, alert: Alert) -> bool:
    """Whether the term holds for this value. True if unknown, so that nothing is proved."""
    if isinstance(term.test, Compare) and not isinstance(term.test.right, Literal | Items):
        return True
    field = _plain_field(term)
    if field is None or field.name.startswith(LABEL):
        return True
    return compile_condition(term.test, _NO_LABELS)(alert) is not term.negated


def _out_of_bounds(present: Sequence[Term]) -> bool:
    """``x > 5 and x < 3``. Bounds are parsed by the field's kind: an unsigned ``-1`` is a large number."""
    low, high = float("-inf"), float("inf")
    strict: set[float] = set()
    for term in present:
        test = term.test
        if not isinstance(test, Compare) or test.operator not in ORDERING or not isinstance(test.right, Literal):
            continue
        field = _plain_field(term)
        number = LITERAL_PARSERS[field.kind](test.right.text) if field and field.kind in NUMERIC else None
        if number is None:
            continue
        if test.operator in {Operator.LT, Operator.GT}:
            strict.add(number)
        if test.operator in {Operator.LT, Operator.LE}:
            high = min(high, number)
        else:
            low = max(low, number)
    return low > high or (low == high and low in strict)


def _prefixes_differ(present: Sequence[Term]) -> bool:
    """``x startswith a and x startswith b``."""
    heads = _texts_of(present, Operator.STARTSWITH)
    tails = _texts_of(present, Operator.ENDSWITH)
    return any(not one.startswith(other) and not other.startswith(one) for one in heads for other in heads) or any(
        not one.endswith(other) and not other.endswith(one) for one in tails for other in tails
    )


def _texts_of(present: Sequence[Term], operator: Operator) -> list[str]:
    return [
        term.test.right.text
        for term in present
        if isinstance(term.test, Compare)
        and term.test.operator is operator
        and term.test.quantifier is None
        and isinstance(term.test.right, Literal)
    ]
