"""Suggests routes and silences that reduce noise: each is valid, and was measured by a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.language.checker.check import check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Severity
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.condition import Condition
from bridge.language.program.program import Redaction
from bridge.workbench.replay.parts import OnPart, Plan
from bridge.workbench.route_sets import RouteSet, RouteSetError
from bridge.workbench.suggest.measure import Candidate, Measured, Measurement, measure
from bridge.workbench.suggest.noise import Noise, NoiseCount, NoiseTally, count_noise, noisiest
from bridge.workbench.suggest.options import Option, OptionKind, options_for

FILE = "suggestion.route"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A noisy combination, and what would quiet it."""

    noise: Noise
    options: tuple[tuple[Option, Measured], ...]
    """At most one of each kind, with what it would have held back: the mildest that holds back half of it."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What was found."""

    tally: NoiseTally
    found: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """For which routes and alerts suggestions are wanted."""

    live: RouteSet
    load: Callable[[SourceText], RouteSet]
    """The same routes with others before them. Raises RouteSetError."""
    redactions: tuple[Redaction, ...]
    machines: frozenset[str]
    """Channels for machines: files, log services."""
    most: int


def suggest(request: Request, plan: Plan, on_part: OnPart | None = None) -> Suggestions:
    """Count, choose and measure. Reads the alerts twice. Raises AlertFileError."""
    router = request.live.router()
    tally = count_noise(NoiseCount(router, request.redactions, request.machines), plan, on_part)
    noises = list(noisiest(tally, request.most))
    candidates = [
        [found for option in options_for(noise, number) if (found := _candidate(option, request)) is not None]
        for number, noise in enumerate(noises, 1)
    ]
    every = [each for some in candidates for each in some]
    measured = iter(measure(Measurement(router, every, request.machines, tally.last_ns or 0), plan, on_part))
    return Suggestions(
        tally,
        tuple(
            Suggestion(
                noise, _best([(each.option, next(measured)) for each in some], remembers=router.engine is not None)
            )
            for noise, some in zip(noises, candidates, strict=True)
        ),
    )


def _best(options: list[tuple[Option, Measured]], *, remembers: bool) -> tuple[tuple[Option, Measured], ...]:
    """Of each kind the first that holds back half, else the one that holds back most.

    What holds back nothing is left out, and what sends notifications where the routes send none. Where routes
    have memory, the latter may be alerts that these held back.
    """
    found: list[tuple[Option, Measured]] = []
    useful = [each for each in options if each[1].held_back > 0 and (remembers or not each[1].added)]
    for kind in OptionKind:
        some = [each for each in useful if each[0].kind is kind]
        enough = [each for each in some if each[1].held_back * 2 >= each[1].about]
        found += enough[:1] or sorted(some, key=lambda each: -each[1].held_back)[:1]
    return tuple(found)


def _candidate(option: Option, request: Request) -> Candidate | None:
    """The option, compiled; None if `check` would find something wrong with it."""
    if not option.text:
        condition = _condition(option.condition)
        return None if condition is None else Candidate(option, condition, request.live.router())
    try:
        routes = request.load(SourceText(FILE, option.text))
    except RouteSetError:
        return None
    serious = {Severity.ERROR, Severity.WARNING}
    if any(each.span.path == FILE and each.severity in serious for each in routes.loaded.checked.diagnostics):
        return None
    condition = routes.program.routes[0].when
    assert condition is not None
    return Candidate(option, condition, routes.router())


def _condition(text: str) -> Condition | None:
    checked = check_condition(SourceText(FILE, text), Known(None, None))
    return None if isinstance(checked, tuple) else checked
