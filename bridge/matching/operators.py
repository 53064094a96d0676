"""The meaning of each operator for each kind of value. A missing value on either side makes a comparison false."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from bridge.alert import parse_priority
from bridge.language.program.condition import Kind, Operator
from bridge.language.program.fields.kinds import ORDERING
from bridge.language.program.fields.values import parse_address, parse_double, parse_network
from bridge.language.program.regex import compile_as_falco
from bridge.matching.glob import glob_test, runtime_glob_matches
from bridge.matching.text import as_bytes, lower, path_components, regex_test, starts_with_path
from bridge.matching.values import LITERAL_PARSERS

Test = Callable[[Any], bool]
"""Tests the left value against a right side that is already known."""
Relation = Callable[[Any, Any], bool]

_ORDER: Mapping[Operator, Relation] = {
    Operator.LT: python.lt,
    Operator.LE: python.le,
    Operator.GT: python.gt,
    Operator.GE: python.ge,
}
_TEXTS = frozenset({Kind.TEXT, Kind.UNKNOWN})
_WILDCARDS = frozenset("?*[")
_SEVERITY_ORDER: Mapping[Operator, Relation] = {
    Operator.LT: python.gt,
    Operator.LE: python.ge,
    Operator.GT: python.lt,
    Operator.GE: python.le,
}
"""``priority >= warning`` means warning or more severe; the most severe priority has the smallest number."""

_RELATIONS: Mapping[Operator, Relation] = {
    Operator.EQ: python.eq,
    Operator.NE: python.ne,
    Operator.CONTAINS: lambda left, right: right in left,
    Operator.ICONTAINS: lambda left, right: lower(right) in lower(left),
    Operator.STARTSWITH: lambda left, right: left.startswith(right),
    Operator.ENDSWITH: lambda left, right: left.endswith(right),
    Operator.BCONTAINS: lambda left, right: as_bytes(right) in as_bytes(left),
    Operator.BSTARTSWITH: lambda left, right: as_bytes(left).startswith(as_bytes(right)),
    Operator.GLOB: lambda left, right: runtime_glob_matches(right, left, fold=False),
    Operator.IGLOB: lambda left, right: runtime_glob_matches(right, left, fold=True),
}


def relation(kind: Kind, operator: Operator) -> Relation:
    """The comparison of two values that are both read from the alert."""
    if operator in ORDERING:
        order = _SEVERITY_ORDER[operator] if kind is Kind.PRIORITY else _ORDER[operator]
        return _by_bytes(order) if kind in _TEXTS else order
    if operator is Operator.IN:
        return _all_in if kind is Kind.LIST else python.eq
    if operator is Operator.INTERSECTS:
        return _any_in if kind is Kind.LIST else python.eq
    return _RELATIONS[operator]


def literal_test(kind: Kind, operator: Operator, text: str) -> Test:
    """The comparison with a literal, prepared once."""
    if operator is Operator.REGEX:
        compiled = compile_as_falco(text)
        return (lambda _value: False) if isinstance(compiled, str) else regex_test(compiled)
    if operator in {Operator.GLOB, Operator.IGLOB}:
        return glob_test(text, fold=operator is Operator.IGLOB)
    if operator in {Operator.BCONTAINS, Operator.BSTARTSWITH}:
        return _hex_test(operator, bytes.fromhex(text))
    if operator is Operator.ICONTAINS:
        needle = lower(text)
        return lambda value: needle in lower(value)
    if kind is Kind.UNKNOWN and operator in ORDERING:
        return _by_value(_ORDER[operator], text)
    if kind in {Kind.IP, Kind.NET}:
        return _address_test(operator, text)
    return _fixed(relation(kind, operator), _parsed(kind, text))


def items_test(kind: Kind, operator: Operator, texts: Sequence[str]) -> Test:
    """``in``, ``intersects`` or ``pmatch`` with a literal list. False for an empty list."""
    if not texts:
        return lambda _value: False
    if operator is Operator.PMATCH:
        return _path_test(texts)
    if kind in {Kind.IP, Kind.NET}:
        tests = [_address_test(Operator.EQ, text) for text in texts]
        return lambda value: any(test(value) for test in tests)
    members = frozenset(_parsed(kind, text) for text in texts)
    if kind is not Kind.LIST:
        return members.__contains__
    if operator is Operator.IN:
        return members.issuperset
    return lambda value: not members.isdisjoint(value)


def _fixed(compare: Relation, right: Any) -> Test:
    return lambda value: compare(value, right)


def _parsed(kind: Kind, text: str) -> Any:
    if kind is Kind.PRIORITY:
        return parse_priority(text)
    parse = LITERAL_PARSERS.get(kind)
    return text if parse is None else parse(text)


def _by_bytes(compare: Relation) -> Relation:
    """The order of C strings. Python would sort bytes that are not UTF-8 elsewhere."""
    return lambda left, right: compare(as_bytes(left), as_bytes(right))


def _all_in(left: Any, right: Any) -> bool:
    return set(left) <= set(right)


def _any_in(left: Any, right: Any) -> bool:
    return not set(left).isdisjoint(right)


def _hex_test(operator: Operator, needle: bytes) -> Test:
    if operator is Operator.BCONTAINS:
        return lambda value: needle in as_bytes(value)
    return lambda value: as_bytes(value).startswith(needle)


def _by_value(compare: Relation, text: str) -> Test:
    """A field of unknown type: compared as numbers if both sides are numbers, otherwise as text."""
    number = parse_double(text)

    def test(value: str) -> bool:
        found = None if number is None else parse_double(value)
        return compare(as_bytes(value), as_bytes(text)) if found is None else compare(found, number)

    return test


def _address_test(operator: Operator, text: str) -> Test:
    """Comparison with an address or a network. IPv4 and IPv6 are never equal, so ``!=`` between them is true."""
    wanted = parse_address(text) or parse_network(text)

    def equal(value: Any) -> bool:
        if value == wanted:
            return True
        if not isinstance(wanted, IPv4Network | IPv6Network) or value.version != wanted.version:
            return False
        if isinstance(value, IPv4Network | IPv6Network):
            return value.subnet_of(wanted)  # type: ignore[arg-type]  # the versions are equal
        return value in wanted

    return (lambda value: not equal(value)) if operator is Operator.NE else equal


def _part_test(part: str) -> Test:
    """A path component without wildcards is compared literally, including backslashes."""
    if _WILDCARDS.isdisjoint(part):
        return lambda value: bool(value == part)
    return glob_test(part, fold=False)


def _path_test(texts: Sequence[str]) -> Test:
    patterns = [[_part_test(part) for part in path_components(text)] for text in texts]

    def test(value: str) -> bool:
        components = path_components(value)
        return any(starts_with_path(components, tests) for tests in patterns)

    return test
