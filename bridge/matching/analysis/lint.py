"""What is odd about a whole program: routes that never act, that see nothing, that read what nobody tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.falco.rules import SUGGESTED, FalcoRule, FalcoRules, takes_suggested
from bridge.language.program.condition import Compare, Condition, Items, Literal, Operator
from bridge.language.program.program import Route
from bridge.matching.analysis.proofs import always_holds, implies, keys_of, never_holds
from bridge.matching.analysis.reach import extras, never_emitted, reaching
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Key, Term, alternatives

_Wanted = tuple[Key, str] | None
_MOST_PAIRS = 200_000
"""Pairs of routes that are compared for one shadowing the other; past that the rest is not attempted."""
_SUGGEST = "Falco 0.41 emits it where falco.yaml has `append_output: [{suggested_output: true}]`; name yours by --rules"


def lint(routes: Sequence[Route], rules: FalcoRules | None) -> list[Diagnostic]:
    """Every oddity of these routes, in file order; ``rules`` are Falco's, where they are known."""
    return [*_verdicts(routes), *_shadowed(routes), *_unreached(routes, rules)]


def _verdicts(routes: Sequence[Route]) -> Iterator[Diagnostic]:
    for route in routes:
        yield from _never_during(route)
        if route.when is None:
            continue
        if never_holds(route.when):
            yield Diagnostic(
                Code.NEVER_TRUE,
                f'no alert can meet the condition of route "{route.name}"',
                route.when.span,
                "its parts exclude each other; did you mean `or`?",
            )
        elif always_holds(route.when) and not _takes_internal(route):
            yield Diagnostic(
                Code.ALWAYS_TRUE,
                f'every alert meets the condition of route "{route.name}"',
                route.when.span,
                "leave `when` out, or mend it",
            )
        if not _is_indexable(route):
            yield Diagnostic(
                Code.NO_INDEX,
                f'the condition of route "{route.name}" is worked out for every alert',
                route.when.span,
                "no index narrows a comparison of two fields, nor more than 256 alternatives",
            )


def _never_during(route: Route) -> Iterator[Diagnostic]:
    for each in route.during:
        if each.negated and replace(each, negated=False) in route.during:
            yield Diagnostic(
                Code.NEVER_TRUE,
                f'route "{route.name}" acts both within and without schedule `{each.schedule.name}`, which is never',
                route.span,
                "keep one of `during` and `not during`",
            )


def _is_indexable(route: Route) -> bool:
    assert route.when is not None
    found = alternatives(route.when)
    return found is not None and all(
        any(not isinstance(term.test, Compare) or isinstance(term.test.right, Literal | Items) for term in alternative)
        for alternative in found
    )


def _shadowed(routes: Sequence[Route]) -> Iterator[Diagnostic]:
    """Routes whose every alert an earlier one keeps from them."""
    ending: dict[frozenset[Key], dict[_Wanted, list[Route]]] = defaultdict(lambda: defaultdict(list))
    everything: Route | None = None
    pairs = 0
    for route in routes:
        mine = frozenset[Key]() if route.when is None else keys_of(route.when)
        if everything is not None and not _takes_internal(route):
            yield _shadow(route, everything)
        elif mine is not None and route.when is not None and pairs < _MOST_PAIRS:
            mentioned: set[_Wanted] = {None, *_equalities(route.when)}
            for keys, filed in ending.items():
                if keys <= mine:
                    earlier = [each for wanted in mentioned & filed.keys() for each in filed[wanted]]
                    pairs += len(earlier)
                    found = next((each for each in earlier if _hides(each, route)), None)
                    if found is not None:
                        yield _shadow(route, found)
                        break
        if (route.stop or route.drop) and not route.during:
            if route.when is None:
                everything = everything or route
            elif mine is not None:
                ending[mine][_one_wanted(route.when)].append(route)


def _equalities(condition: Condition) -> Iterator[tuple[Key, str]]:
    """Every text that some value is said to equal."""
    for alternative in alternatives(condition) or ():
        for term in alternative:
            match term:
                case Term(test=Compare(operator=Operator.EQ, quantifier=None, right=Literal(text=text)), negated=False):
                    yield term.key, text
                case Term(test=Compare(operator=Operator.IN, right=Items(values=values)), negated=False):
                    yield from ((term.key, literal.text) for literal in values)


def _one_wanted(condition: Condition) -> _Wanted:
    """A text without which the condition cannot hold: whoever implies it says the same."""
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
        f'route "{route.name}" sees no alert',
        route.span,
        "move it before the one that stops them all",
        ((f'"{earlier.name}" stops every alert that this one would match', earlier.span),),
    )


def _unreached(routes: Sequence[Route], rules: FalcoRules | None) -> Iterator[Diagnostic]:
    """Routes that no known rule reaches, and fields that no rule tells them."""
    if rules is None or not rules.rules:
        return
    known = list(rules.rules.values())
    for route in routes:
        if _takes_internal(route):
            continue
        place = route.span if route.when is None else route.when.span
        reached = reaching(route, known)
        if not reached:
            yield Diagnostic(
                Code.NEVER_TRUE,
                f'no rule of the rules files can reach route "{route.name}"',
                place,
                "look at the rules' names, sources, priorities and tags",
            )
            continue
        missing = never_emitted(route, known)
        if missing:
            suggested = missing <= SUGGESTED and not rules.configured and any(map(takes_suggested, reached))
            yield Diagnostic(
                Code.NEVER_EMITTED,
                f'no rule that can reach route "{route.name}" emits {", ".join(f"`{n}`" for n in sorted(missing))}',
                place,
                _SUGGEST if suggested else _append(route, known),
            )


def _append(route: Route, known: Sequence[FalcoRule]) -> str:
    lines = [extra.line().removeprefix("- ") for extra in extras([route], known, all_rules=False)]
    if not lines:
        return "alerts of these rules' sources have no such field"
    return f"add to falco.yaml: append_output: [{', '.join(lines)}]"
