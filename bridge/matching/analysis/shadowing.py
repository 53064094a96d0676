"""Finds routes that never match because an earlier route stops every alert that they would match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.program.condition import Compare, Condition, Items, Literal, Operator
from bridge.language.program.program import Route
from bridge.matching.analysis.proofs import implies, keys_of
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Key, Term, alternatives

_Equality = tuple[Key, str] | None
_MAX_PAIRS = 200_000
"""Pairs of routes that are compared. Further pairs are skipped."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What decides with which other routes a route is compared."""

    route: Route
    keys: frozenset[Key] | None
    mentioned: frozenset[_Equality]
    """The values that its condition compares for equality, with their keys."""
    required: _Equality
    """An equality that the condition requires. A condition that implies it contains the same equality."""


@dataclass(slots=True)
class Shadowing:
    """Finds shadowed routes. What it found about routes is used again while they are the same objects."""

    _shapes: dict[int, _Shape] = field(default_factory=dict)
    """By the identity of the route."""
    _hides: dict[tuple[int, int], bool] = field(default_factory=dict)

    def warnings(self, routes: Sequence[Route]) -> Iterator[Diagnostic]:
        """A warning about each shadowed route."""
        self._shapes = {id(route): self._shapes.get(id(route)) or _shape(route) for route in routes}
        self._hides = {
            pair: each for pair, each in self._hides.items() if pair[0] in self._shapes and pair[1] in self._shapes
        }
        ending: dict[frozenset[Key], dict[_Equality, list[Route]]] = defaultdict(lambda: defaultdict(list))
        everything: Route | None = None
        pairs = 0
        for route in routes:
            shape = self._shapes[id(route)]
            if everything is not None and not takes_internal(route):
                yield _shadow(route, everything)
            elif ending and shape.keys is not None and route.when is not None and pairs < _MAX_PAIRS:
                for keys, filed in ending.items():
                    if keys <= shape.keys:
                        earlier = [each for equality in shape.mentioned & filed.keys() for each in filed[equality]]
                        pairs += len(earlier)
                        found = next((each for each in earlier if self._is_hidden(route, each)), None)
                        if found is not None:
                            yield _shadow(route, found)
                            break
            if (route.stop or route.drop) and not route.during:
                if route.when is None:
                    everything = everything or route
                elif shape.keys is not None:
                    ending[shape.keys][shape.required].append(route)

    def _is_hidden(self, later: Route, earlier: Route) -> bool:
        pair = id(earlier), id(later)
        if pair not in self._hides:
            self._hides[pair] = _hides(earlier, later)
        return self._hides[pair]


def takes_internal(route: Route) -> bool:
    """Whether the route asks for alerts of Falco or the bridge about themselves."""
    return route.when is not None and asks_for_internal(route.when)


def _shape(route: Route) -> _Shape:
    if route.when is None:
        return _Shape(route, frozenset(), frozenset({None}), None)
    required = _required(route.when) if route.stop or route.drop else None
    return _Shape(route, keys_of(route.when), frozenset({None, *_equalities(route.when)}), required)


def _equalities(condition: Condition) -> Iterator[tuple[Key, str]]:
    for alternative in alternatives(condition) or ():
        for term in alternative:
            match term:
                case Term(test=Compare(operator=Operator.EQ, quantifier=None, right=Literal(text=text)), negated=False):
                    yield term.key, text
                case Term(test=Compare(operator=Operator.IN, right=Items(values=values)), negated=False):
                    yield from ((term.key, literal.text) for literal in values)


def _required(condition: Condition) -> _Equality:
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
    if takes_internal(later) and not takes_internal(earlier):
        return False
    return implies(later.when, earlier.when)


def _shadow(route: Route, earlier: Route) -> Diagnostic:
    return Diagnostic(
        Code.SHADOWED_ROUTE,
        f'route "{route.name}" never matches: an earlier route stops its alerts',
        route.span,
        "move it before that route",
        ((f'route "{earlier.name}" stops every alert that this route would match', earlier.span),),
    )
