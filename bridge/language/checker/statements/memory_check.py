"""From the clauses with memory as written to checked ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from bridge.language.diagnostics.source import Span
from bridge.language.program.clauses import (
    Absent,
    After,
    Clause,
    Group,
    New,
    Pair,
    SequenceStep,
    Then,
    Throttle,
    Unless,
    With,
    canonical_text,
)
from bridge.language.program.condition import Condition
from bridge.language.syntax import tree as syntax


class MemoryChecker:
    """Builds the clauses of one route. The functions that it is given report what is wrong."""

    def __init__(
        self,
        resolve: Callable[[syntax.ConditionNode], Condition | None],
        duration: Callable[[syntax.Word], int],
        count: Callable[[syntax.Word], int],
        keys: Callable[[Iterable[syntax.FieldName]], tuple[str, ...]],
        places: Mapping[str, Span],
    ) -> None:
        """``resolve`` returns None for a condition with an error; ``duration`` returns nanoseconds."""
        self._resolve = resolve
        self._duration = duration
        self._count = count
        self._keys = keys
        self.places = dict(places)
        """The places of the clauses by their text, of the steps of ``then``, of ``resolve``, and those given."""

    def clauses(self, written: Iterable[syntax.WindowedClause]) -> tuple[Clause, ...]:
        """The clauses in the order in which they are written; all ``then`` of a route are one clause."""
        found: list[Clause] = []
        steps: list[SequenceStep] = []
        spans: list[Span] = []
        for clause in written:
            if clause.keyword == "then":
                if (step := self._step(clause)) is not None:
                    steps.append(step)
                    spans.append(clause.span)
            elif (checked := self._clause(clause)) is not None:
                found.append(checked)
                self.places[checked.text] = clause.span
        if steps:
            then = Then(f"then {_digest(steps)}", tuple(steps))
            found.append(then)
            self.places[then.text] = spans[0]
            self.places |= {f"{then.text}/{number}": span for number, span in enumerate(spans)}
        return tuple(found)

    def resolve_after(self, written: Iterable[syntax.WindowedClause]) -> int | None:
        """What ``resolve after`` says, in nanoseconds."""
        for clause in written:
            if clause.keyword == "resolve" and clause.window is not None:
                self.places["resolve"] = clause.span
                return self._duration(clause.window)
        return None

    def _clause(self, clause: syntax.WindowedClause) -> Clause | None:
        text, by = _text(clause), self._keys(clause.by)
        match clause.keyword:
            case "new":
                return New(text, self._keys(clause.fields), self._time(clause.window), by, self._time(clause.learn))
            case "after":
                distinct = None if clause.distinct is None else next(iter(self._keys([clause.distinct])), None)
                return After(text, self._number(clause.count), self._time(clause.window), by, distinct)
            case "unless" | "with":
                return self._watching(clause)
            case "absent":
                return Absent(text, self._time(clause.window), by)
            case "throttle":
                return Throttle(text, self._number(clause.count), self._time(clause.window), by)
            case "group":
                return self._group(text, clause, by)
            case _:
                return None

    def _group(self, text: str, clause: syntax.WindowedClause, by: tuple[str, ...]) -> Group:
        group = Group(text, by)
        return Group(
            text,
            by,
            group.wait_ns if clause.wait is None else self._duration(clause.wait),
            group.every_ns if clause.every is None else self._duration(clause.every),
            group.limit if clause.count is None else self._count(clause.count),
        )

    def _step(self, clause: syntax.WindowedClause) -> SequenceStep | None:
        condition = None if clause.condition is None else self._resolve(clause.condition)
        if condition is None:
            return None
        return SequenceStep(condition, self._time(clause.window), self._pairs(clause.pairs), clause.negated)

    def _watching(self, clause: syntax.WindowedClause) -> Clause | None:
        """An ``unless`` or a ``with``; None if its condition has an error."""
        condition = None if clause.condition is None else self._resolve(clause.condition)
        if condition is None:
            return None
        pairs, window_ns = self._pairs(clause.pairs), self._time(clause.window)
        wait_ns = None if clause.wait is None else self._duration(clause.wait)
        text = f"{_text(clause)} {_digest([condition, pairs])}"
        if clause.name is None:
            return Unless(text, condition, window_ns, pairs, wait_ns)
        join = With(text, clause.name.text, condition, window_ns, pairs)
        return join if wait_ns is None else replace(join, wait_ns=wait_ns)

    def _pairs(self, written: Iterable[syntax.KeyPair]) -> tuple[Pair, ...]:
        found: list[Pair] = []
        for pair in written:
            names = self._keys([pair.own] if pair.other is None else [pair.own, pair.other])
            if len(names) == (1 if pair.other is None else 2):
                found.append(Pair(names[0], names[-1]))
        return tuple(found)

    def _time(self, word: syntax.Word | None) -> int:
        return 0 if word is None else self._duration(word)

    def _number(self, word: syntax.Word | None) -> int:
        return 1 if word is None else self._count(word)


def _text(clause: syntax.WindowedClause) -> str:
    """The clause on one line, regardless of its layout: ``throttle 3 10m - - - by k8s.pod.name``."""
    words = [clause.keyword]
    words += [each.text for each in clause.fields]
    words += [each.text for each in (clause.name, clause.distinct) if each is not None]
    for part in (clause.count, clause.window, clause.learn, clause.wait, clause.every):
        words.append("-" if part is None else part.text)
    if clause.by:
        words += ["by", *(each.text for each in clause.by)]
    return canonical_text(" ".join(words))


def _digest(steps: Sequence[object]) -> str:
    """Eight hexadecimal digits of what these mean, whatever their layout and their macros' names."""
    return blake2b(repr([_without_spans(step) for step in steps]).encode(), digest_size=4).hexdigest()


def _without_spans(value: object) -> object:
    if isinstance(value, Span):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [_without_spans(getattr(value, each.name)) for each in dataclasses.fields(value)]
        return (type(value).__name__, *parts)
    if isinstance(value, tuple):
        return tuple(_without_spans(each) for each in value)
    return value
