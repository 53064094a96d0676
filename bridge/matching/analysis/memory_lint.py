"""Warnings about clauses with memory that cannot work as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.common.clocks.durations import duration_text
from bridge.common.clocks.times import SECOND_NS
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.falco.rules import FalcoRule, FalcoRules
from bridge.language.program.clauses import (
    Absent,
    Clause,
    Group,
    New,
    Pair,
    SequenceStep,
    Then,
    Throttle,
    Unless,
    With,
    incident_fields,
)
from bridge.language.program.condition import Condition
from bridge.language.program.program import Redaction, Route
from bridge.language.program.redacted import redacted_fields
from bridge.matching.analysis.own_rules import rules_for
from bridge.matching.analysis.proofs import never_holds
from bridge.matching.analysis.reach import missing_everywhere, reaching_condition
from bridge.matching.analysis.route_warnings import LintMemory

_Other = tuple[str, Condition, tuple[Pair, ...]]
"""What a clause asks of other alerts: its words, the condition, the pairs of its key."""


def lint_memory(
    routes: Sequence[Route],
    rules: FalcoRules | None,
    retention_ns: int | None,
    redactions: Sequence[Redaction] = (),
    memory: LintMemory | None = None,
) -> list[Diagnostic]:
    """All warnings about clauses with memory. ``rules`` and ``retention_ns`` are None if they are unknown.

    ``memory`` as in ``lint``.
    """
    known = list(rules.rules.values()) if rules is not None else []

    def examine(route: Route) -> Iterator[Diagnostic]:
        yield from _others(route, known)
        yield from _pointless_throttle(route)
        yield from _escalates_each_alert(route)
        yield from _outlives_alerts(route, retention_ns)

    found = (memory or LintMemory()).clauses.of(routes, (rules, retention_ns), examine)
    return found + lint_look_back(routes, redactions)


def lint_look_back(routes: Sequence[Route], redactions: Sequence[Redaction]) -> list[Diagnostic]:
    """Which clauses cannot read recorded alerts at their first run. ``redactions`` are those of all groups."""
    return [advice for route in routes for advice in _cannot_look_back(route, redactions)]


def _others(route: Route, rules: Sequence[FalcoRule]) -> Iterator[Diagnostic]:
    """Conditions on other alerts that no alert meets, and keys that such alerts do not have."""
    for place, (words, condition, pairs) in _conditions(route):
        span = route.place_of(place)
        reached = reaching_condition(condition, rules_for(condition, rules))
        if never_holds(condition):
            yield Diagnostic(
                Code.PARTNER_NEVER_COMES,
                f'the condition of `{words}` in route "{route.name}" is never true',
                span,
                "no alert can meet it: correct the condition, or remove the clause",
            )
        elif rules and not reached:
            yield Diagnostic(
                Code.PARTNER_NEVER_COMES,
                f'no known Falco rule can meet the condition of `{words}` in route "{route.name}"',
                span,
                "check the rule names, sources, priorities and tags in it, or import the rules of that source",
            )
        elif missing := missing_everywhere([pair.other for pair in pairs if pair.other not in route.columns], reached):
            names = ", ".join(f"`{name}`" for name in sorted(missing))
            yield Diagnostic(
                Code.KEY_NEVER_EMITTED,
                f"no rule that can meet the condition of `{words}` outputs {names}",
                span,
                "alerts are compared by this key: add the field with append_output in falco.yaml, or use another one",
            )


def _conditions(route: Route) -> Iterator[tuple[str, _Other]]:
    """The place of each condition on other alerts, and what it asks."""
    for clause in route.clauses:
        match clause:
            case Then():
                for number, step in enumerate(clause.steps):
                    yield f"{clause.text}/{number}", (_step_words(step), step.condition, step.by)
            case Unless():
                yield clause.text, ("unless", clause.condition, clause.by)
            case With():
                yield clause.text, (f"with {clause.name}", clause.condition, clause.by)
            case _:
                pass


def _step_words(step: SequenceStep) -> str:
    return "then not" if step.negated else "then"


def _pointless_throttle(route: Route) -> Iterator[Diagnostic]:
    """A throttle that allows as many notifications as the digests of ``group`` can be."""
    groups = [clause for clause in route.clauses if isinstance(clause, Group)]
    for throttle in (clause for clause in route.clauses if isinstance(clause, Throttle)):
        for group in groups:
            digests = -(-throttle.window_ns // group.every_ns)
            if set(group.by) <= set(throttle.by) and throttle.count >= digests:
                at_most = "one digest" if digests == 1 else f"{digests} digests"
                yield Diagnostic(
                    Code.POINTLESS_THROTTLE,
                    f'`throttle` never holds anything back in route "{route.name}"',
                    route.place_of(throttle.text),
                    f"`group` sends at most {at_most} of a key in {_text(throttle.window_ns)}: remove `throttle`, or "
                    "throttle by fewer fields",
                )


def _escalates_each_alert(route: Route) -> Iterator[Diagnostic]:
    if route.escalations and incident_fields(route.clauses) is None:
        yield Diagnostic(
            Code.NO_INCIDENT_KEY,
            f'every alert of route "{route.name}" is an incident of its own and escalates by itself',
            route.place_of("to"),
            "add `throttle`, `group by` or `after … by`: alerts with one key are one incident",
        )


def _outlives_alerts(route: Route, retention_ns: int | None) -> Iterator[Diagnostic]:
    """Timers that fire when the journal no longer has the alert that they are about."""
    if retention_ns is None:
        return
    for place, words, length_ns in _timers(route):
        if length_ns > retention_ns:
            yield Diagnostic(
                Code.LONGER_THAN_RETENTION,
                f'`{words}` in route "{route.name}" is longer than the journal stores alerts',
                route.place_of(place),
                f"journal.retention.alerts is {_text(retention_ns)}, this is {_text(length_ns)}: shorten it, or store "
                "alerts longer",
            )


def _cannot_look_back(route: Route, redactions: Sequence[Redaction]) -> Iterator[Diagnostic]:
    """Clauses that would read recorded alerts at their first run, if the text of their keys were recorded."""
    for clause in route.clauses:
        if isinstance(clause, New | Absent) and (names := redacted_fields(clause.key_fields, redactions)):
            word = clause.text.partition(" ")[0]
            fields = " and ".join(f"`{name}`" for name in names)
            yield Diagnostic(
                Code.NO_LOOK_BACK,
                f'`{word}` in route "{route.name}" does not look back at recorded alerts: `redact` covers {fields}',
                route.place_of(clause.text),
                "only the redacted text is recorded: the clause begins with the alerts that are received after its "
                "first run",
            )


def _timers(route: Route) -> Iterator[tuple[str, str, int]]:
    """The place, the words and the length of each time after which an earlier alert is needed."""
    for clause in route.clauses:
        yield from ((clause.text, words, length_ns) for words, length_ns in _lengths(clause))
        if isinstance(clause, Then):
            for number, step in enumerate(clause.steps):
                yield f"{clause.text}/{number}", _step_words(step), step.window_ns
    if route.escalations:
        yield "to", "to … after", max(each.after_ns for each in route.escalations)
    if route.resolve_after_ns is not None:
        yield "resolve", "resolve after", route.resolve_after_ns


def _lengths(clause: Clause) -> Iterator[tuple[str, int]]:
    match clause:
        case New():
            yield "new", clause.window_ns
        case Absent():
            yield "absent", clause.window_ns
        case Throttle():
            yield "throttle", clause.window_ns
        case Group():
            yield "group", max(clause.wait_ns, clause.every_ns)
        case Unless() | With() if clause.wait_ns is not None:
            yield "wait", clause.wait_ns
        case _:
            pass


def _text(length_ns: int) -> str:
    return duration_text(length_ns / SECOND_NS)
