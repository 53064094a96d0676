"""Warnings about whole programs: routes that never match, are shadowed, or read fields that no rule outputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.falco.rules import SUGGESTED_FIELDS, FalcoRule, FalcoRules, supports_suggested
from bridge.language.program.condition import All, Compare, Condition, Field, Items, Literal, Operator
from bridge.language.program.program import Route
from bridge.matching.analysis.own_rules import rules_for
from bridge.matching.analysis.proofs import always_holds, implies, keys_of, never_holds
from bridge.matching.analysis.reach import extras, is_unverified, never_emitted, reaching, unprintable
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Key, Term, alternatives, fields_in, terms_of

_Equality = tuple[Key, str] | None
_MAX_PAIRS = 200_000
"""Pairs of routes that are compared for shadowing. Further pairs are skipped."""
_SUGGEST = (
    "falco.yaml of Falco 0.41 or later can add it: `append_output: [{suggested_output: true}]`; pass it to --rules"
)


def lint(routes: Sequence[Route], rules: FalcoRules | None) -> list[Diagnostic]:
    """All warnings about these routes. ``rules`` are Falco's rules; None if they are unknown."""
    return [
        *_constant_conditions(routes),
        *_shadowed(routes),
        *_not_in_alerts(routes),
        *_unreachable(routes, rules),
    ]


def _constant_conditions(routes: Sequence[Route]) -> Iterator[Diagnostic]:
    for route in routes:
        yield from _contradicting_schedules(route)
        if route.when is None:
            continue
        if never_holds(route.when):
            yield Diagnostic(
                Code.NEVER_TRUE,
                f'the condition of route "{route.name}" is never true',
                route.when.span,
                _exclusion(route.when),
            )
        elif always_holds(route.when) and not _takes_internal(route):
            yield Diagnostic(
                Code.ALWAYS_TRUE,
                f'the condition of route "{route.name}" is always true',
                route.when.span,
                "remove `when`, or correct the condition",
            )
        if not _is_indexable(route):
            yield Diagnostic(
                Code.NO_INDEX,
                f'the condition of route "{route.name}" is evaluated for every alert',
                route.when.span,
                "comparisons of two fields and more than 256 alternatives cannot be indexed",
            )


def _exclusion(condition: Condition) -> str:
    """Why a condition is never true: two bounds that exclude each other, where there are such."""
    lower: dict[str, Compare] = {}
    upper: dict[str, Compare] = {}
    for each in condition.conditions if isinstance(condition, All) else ():
        match each:
            case Compare(left=Field(name=name), operator=Operator.GT | Operator.GE, right=Literal()):
                lower[name] = each
            case Compare(left=Field(name=name), operator=Operator.LT | Operator.LE, right=Literal()):
                upper[name] = each
            case _:
                pass
    for name in lower.keys() & upper.keys():
        low, high = lower[name], upper[name]
        if never_holds(All((low, high), low.span)):
            low_text, high_text = (f"{name} {each.operator.value} {_literal(each)}" for each in (low, high))
            return f"`{low_text}` and `{high_text}` exclude each other: swap the bounds, or write `or`"
    equal: dict[str, str] = {}
    for each in condition.conditions if isinstance(condition, All) else ():
        match each:
            case Compare(left=Field(name=name), operator=Operator.EQ, right=Literal(text=text), quantifier=None):
                first = equal.setdefault(name, text)
                if first != text:
                    return f"`{name}` cannot be both `{first}` and `{text}`; did you mean `or`?"
            case _:
                pass
    return "its parts exclude each other; did you mean `or`?"


def _literal(compare: Compare) -> str:
    return compare.right.text if isinstance(compare.right, Literal) else ""


def _contradicting_schedules(route: Route) -> Iterator[Diagnostic]:
    for each in route.during:
        if each.negated and replace(each, negated=False) in route.during:
            yield Diagnostic(
                Code.NEVER_TRUE,
                f'route "{route.name}" requires schedule `{each.schedule.name}` both to hold and not to hold',
                route.span,
                "remove `during` or `not during`",
            )


def _is_indexable(route: Route) -> bool:
    assert route.when is not None
    found = alternatives(route.when)
    return found is not None and all(
        any(not isinstance(term.test, Compare) or isinstance(term.test.right, Literal | Items) for term in alternative)
        for alternative in found
    )


def _shadowed(routes: Sequence[Route]) -> Iterator[Diagnostic]:
    """Routes whose alerts are all stopped by an earlier route."""
    ending: dict[frozenset[Key], dict[_Equality, list[Route]]] = defaultdict(lambda: defaultdict(list))
    everything: Route | None = None
    pairs = 0
    for route in routes:
        mine = frozenset[Key]() if route.when is None else keys_of(route.when)
        if everything is not None and not _takes_internal(route):
            yield _shadow(route, everything)
        elif mine is not None and route.when is not None and pairs < _MAX_PAIRS:
            mentioned: set[_Equality] = {None, *_equalities(route.when)}
            for keys, filed in ending.items():
                if keys <= mine:
                    earlier = [each for equality in mentioned & filed.keys() for each in filed[equality]]
                    pairs += len(earlier)
                    found = next((each for each in earlier if _hides(each, route)), None)
                    if found is not None:
                        yield _shadow(route, found)
                        break
        if (route.stop or route.drop) and not route.during:
            if route.when is None:
                everything = everything or route
            elif mine is not None:
                ending[mine][_required_equality(route.when)].append(route)


def _equalities(condition: Condition) -> Iterator[tuple[Key, str]]:
    """The values that the condition compares for equality, with their keys."""
    for alternative in alternatives(condition) or ():
        for term in alternative:
            match term:
                case Term(test=Compare(operator=Operator.EQ, quantifier=None, right=Literal(text=text)), negated=False):
                    yield term.key, text
                case Term(test=Compare(operator=Operator.IN, right=Items(values=values)), negated=False):
                    yield from ((term.key, literal.text) for literal in values)


def _required_equality(condition: Condition) -> _Equality:
    """An equality that the condition requires. A condition that implies it contains the same equality."""
    found = alternatives(condition) or ()
    if len(found) != 1:
        return None
    for term in found[0]:
        match term:
            case Term(test=Compare(operator=Operator.EQ, quantifier=None, right=Literal(text=text)), negated=False):
                return term.key, text
    return None


def _hides(earlier: Route, later: Route) -> bool:
    assert earlier.when is not None
    assert later.when is not None
    if _takes_internal(later) and not _takes_internal(earlier):
        return False
    return implies(later.when, earlier.when)


def _takes_internal(route: Route) -> bool:
    return route.when is not None and asks_for_internal(route.when)


def _shadow(route: Route, earlier: Route) -> Diagnostic:
    return Diagnostic(
        Code.SHADOWED_ROUTE,
        f'route "{route.name}" never matches: an earlier route stops its alerts',
        route.span,
        "move it before that route",
        ((f'route "{earlier.name}" stops every alert that this route would match', earlier.span),),
    )


def _not_in_alerts(routes: Sequence[Route]) -> Iterator[Diagnostic]:
    """Fields that Falco compares and cannot print."""
    for route in routes:
        for name, remedy in unprintable(route).items():
            yield Diagnostic(
                Code.NOT_IN_ALERTS,
                f'no alert contains `{name}`, which route "{route.name}" reads: Falco cannot print its value',
                _place_of(route, name),
                remedy,
            )


def _place_of(route: Route, name: str) -> Span:
    """The first use of the field in the condition; the whole route if it is only in a text or a clause."""
    if route.when is not None:
        for term in terms_of(route.when):
            operands = (term.left, term.right) if isinstance(term, Compare) else (term.operand,)
            for field in (field for operand in operands for field in fields_in(operand)):
                if field.name == name:
                    return field.span
    return route.span


def _unreachable(routes: Sequence[Route], rules: FalcoRules | None) -> Iterator[Diagnostic]:
    """Routes that no known rule can match, and fields that no such rule outputs."""
    if rules is None or not rules.rules:
        return
    falcos = list(rules.rules.values())
    for route in routes:
        if _takes_internal(route):
            continue
        place = route.span if route.when is None else route.when.span
        known = rules_for(route.when, falcos)
        reached = reaching(route, known)
        if not reached:
            yield Diagnostic(
                Code.NEVER_TRUE,
                f'no known Falco rule can match route "{route.name}"',
                place,
                "check the rule names, sources, priorities and tags in its condition",
            )
            continue
        missing = never_emitted(route, known)
        if missing:
            suggested = missing <= SUGGESTED_FIELDS and not rules.configured and any(map(supports_suggested, reached))
            yield Diagnostic(
                Code.NEVER_EMITTED,
                f'no rule that can match route "{route.name}" outputs {", ".join(f"`{n}`" for n in sorted(missing))}',
                place,
                _SUGGEST if suggested else _append(route, falcos, missing),
            )


def _append(route: Route, known: Sequence[FalcoRule], missing: frozenset[str]) -> str:
    lines = [extra.line().removeprefix("- ") for extra in extras([route], known, all_rules=False)]
    if not lines and any(map(is_unverified, missing)):
        return "Falco may not know this field: compare it with `falco --list` before you add it to append_output"
    if not lines:
        return "the alert sources of these rules do not have this field"
    return f"add to falco.yaml: append_output: [{', '.join(lines)}]"
