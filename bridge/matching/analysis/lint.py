"""Warnings about whole programs: routes that never match, are shadowed, or read fields that no rule outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.falco.rules import SUGGESTED_FIELDS, FalcoRule, FalcoRules, supports_suggested
from bridge.language.program.condition import All, Compare, Condition, Field, Items, Literal, Operator
from bridge.language.program.program import Route
from bridge.matching.analysis.own_rules import rules_for
from bridge.matching.analysis.proofs import always_holds, never_holds
from bridge.matching.analysis.reach import extras, is_unverified, never_emitted, reaching, unprintable
from bridge.matching.analysis.route_warnings import LintMemory
from bridge.matching.analysis.shadowing import takes_internal
from bridge.matching.normal import alternatives, fields_in, terms_of

_SUGGEST = (
    "falco.yaml of Falco 0.41 or later can add it: `append_output: [{suggested_output: true}]`; pass it to --rules"
)


def lint(routes: Sequence[Route], rules: FalcoRules | None, memory: LintMemory | None = None) -> list[Diagnostic]:
    """All warnings about these routes. ``rules`` are Falco's rules; None if they are unknown.

    ``memory`` makes the next call for a changed program faster; the result is the same.
    """
    memory = memory or LintMemory()
    known = [] if rules is None else list(rules.rules.values())

    def examine(route: Route) -> Iterator[Diagnostic]:
        yield from _constant_condition(route)
        yield from _not_in_alerts(route)
        if rules is not None and known and not takes_internal(route):
            yield from _unreachable(route, rules, known)

    return [*memory.conditions.of(routes, rules, examine), *memory.shadowing.warnings(routes)]


def _constant_condition(route: Route) -> Iterator[Diagnostic]:
    yield from _contradicting_schedules(route)
    if route.when is None:
        return
    if never_holds(route.when):
        yield Diagnostic(
            Code.NEVER_TRUE,
            f'the condition of route "{route.name}" is never true',
            route.when.span,
            _exclusion(route.when),
        )
    elif always_holds(route.when) and not takes_internal(route):
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


def _not_in_alerts(route: Route) -> Iterator[Diagnostic]:
    """Fields that Falco compares and cannot print."""
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


def _unreachable(route: Route, rules: FalcoRules, falcos: Sequence[FalcoRule]) -> Iterator[Diagnostic]:
    """That no known rule can match the route, or the fields that no such rule outputs."""
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
        return
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
