"""Checks conditions: resolves names, expands macros, checks types."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

from bridge.language.checker.anchored import Anchored, anchored
from bridge.language.checker.conditions.comparison import Comparisons
from bridge.language.checker.conditions.operands import Broken, Operands
from bridge.language.checker.pieces import Pieces
from bridge.language.checker.scope import FalcoMacro, NameKind, Reads, Scope
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.diagnostics.source import Span
from bridge.language.falco.stock_names import STOCK_MACROS
from bridge.language.program.condition import All, Any, Condition, Exists, Not
from bridge.language.program.fields.kinds import ATTRIBUTES
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import parse_condition

MAX_DEPTH = 100
"""Nesting levels of parentheses, ``not``, transformers and macros."""
MAX_COMPARISONS = 20_000
"""Comparisons in a condition after macros are expanded."""

_NO_SUCH_MACRO = "define it: macro NAME = …; for several values: FIELD in (a, b)"

_SIMPLIFY = "reduce the nesting"


@dataclass(frozen=True, slots=True)
class Expansion:
    """The condition of a macro with the macros in it, wherever it is used."""

    condition: Condition | None
    """None after an error."""
    depth: int
    size: int
    problems: Anchored | None
    """Those in its definition; None if there are none."""
    reads: Reads
    stable: bool
    """Whether it is the same whichever statement uses it first. Macros of a cycle are not."""


@dataclass(slots=True)
class Resolver:
    """Checks conditions in a scope. Errors are added to ``problems``, those in macros to their ``expansions``."""

    scope: Scope
    problems: list[Diagnostic]
    expansions: dict[str, Expansion] = field(default_factory=dict)
    """The macros that were expanded, by name."""
    stable: bool = True
    """Whether every macro that was used since this was set is stable."""
    _open: list[str] = field(default_factory=list)
    _depth: int = 0
    _max_depth: int = 0
    _size: int = 0
    operands: Operands = field(init=False)
    pieces: Pieces = field(init=False)
    _comparisons: Comparisons = field(init=False)

    def __post_init__(self) -> None:
        self.operands = Operands(self.scope, self.problems)
        self.pieces = Pieces(self.scope, self.problems)
        self._comparisons = Comparisons(self.operands)

    def resolve(self, written: syntax.ConditionNode) -> Condition | None:
        """The checked condition. None after an error."""
        self._depth = self._max_depth = self._size = 0
        try:
            if syntax.nesting(written) > MAX_DEPTH:
                raise self._too_deep(written.span)
            return self._condition(written)
        except Broken:
            return None

    def forget_lists(self) -> None:
        """Check the items of lists again, because a name has changed."""
        self._comparisons = Comparisons(self.operands)

    def check_macro(self, statement: syntax.MacroStatement) -> None:
        """Check a macro, whether or not it is used."""
        name = statement.name.text
        if self.scope.definitions.get((NameKind.MACRO, name)) is statement:
            with suppress(Broken):
                self._expand(name, statement.name.span)

    # Logic

    def _condition(self, written: syntax.ConditionNode) -> Condition:
        self._depth += 1
        self._max_depth = max(self._max_depth, self._depth)
        try:
            match written:
                case syntax.Conjunction():
                    return All(self._several(written.conditions), written.span)
                case syntax.Disjunction():
                    self._values_meant(written)
                    return Any(self._several(written.conditions), written.span)
                case syntax.Negation():
                    return Not(self._condition(written.condition), written.span)
                case syntax.Parenthesized():
                    return self._condition(written.condition)
                case syntax.MacroUse():
                    return self._macro(written)
                case syntax.Existence():
                    self._count(1, written.span)
                    return Exists(self.operands.left(written.left), written.span)
                case syntax.Comparison():
                    self._count(1, written.span)
                    return self.pieces.once(written, self._comparisons.comparison)
                case _:
                    assert_never(written)
        finally:
            self._depth -= 1

    def _several(self, conditions: tuple[syntax.ConditionNode, ...]) -> tuple[Condition, ...]:
        """Check all conditions, so that all errors are reported at once."""
        resolved: list[Condition] = []
        broken = False
        for condition in conditions:
            try:
                resolved.append(self._condition(condition))
            except Broken:
                broken = True
        if broken:
            raise Broken
        return tuple(resolved)

    def _macro(self, use: syntax.MacroUse) -> Condition:
        if self.scope.find(NameKind.MACRO, use.name) is None:
            raise self._unknown_macro(use)
        found = self._expand(use.name, use.span)
        if found.condition is None:
            raise Broken
        self._max_depth = max(self._max_depth, self._depth + found.depth)
        if self._max_depth > MAX_DEPTH:
            message = f"with this macro the condition is nested more than {MAX_DEPTH} levels deep"
            raise self.operands.wrong(Code.TOO_DEEP, message, use.span, _SIMPLIFY)
        self._count(found.size, use.span)
        return found.condition

    def _unknown_macro(self, use: syntax.MacroUse) -> Broken:
        hint, fix, message = self.scope.suggest(NameKind.MACRO, use.name), None, f"unknown macro `{use.name}`"
        if use.name in self.scope.broken or (not hint and self.scope.incomplete):
            return Broken()
        if use.name in STOCK_MACROS and not hint:
            file = STOCK_MACROS[use.name]
            message += f": it is a macro of Falco's {file}, which is not imported"
            hint, fix = f'add: import falco "{file}"', Fix(0, 0, f'import falco "{file}"\n')
        if self.scope.find(NameKind.LIST, use.name) is not None:
            message, hint = f"`{use.name}` is a list, not a condition", f"write `FIELD in ({use.name})`"
        if use.name in ATTRIBUTES:
            hint = f"`{use.name}` needs an operator and a value"
        return self.operands.wrong(Code.UNKNOWN_MACRO, message, use.span, hint or _NO_SUCH_MACRO, fix)

    def _values_meant(self, written: syntax.Disjunction) -> None:
        """Report ``FIELD = a or b``, where b is no macro. Raises Broken."""
        first, *others = written.conditions
        names = [each.name for each in others if isinstance(each, syntax.MacroUse)]
        if (
            len(names) < len(others)
            or not isinstance(first, syntax.Comparison)
            or not isinstance(first.left, syntax.FieldName)
            or not isinstance(first.right, syntax.Word)
            or first.operator.text not in ("=", "==")
            or any(self.scope.defines(NameKind.MACRO, name) or name in STOCK_MACROS for name in names)
        ):
            return
        value = f'"{first.right.text}"' if first.right.quoted else first.right.text
        meant = f"{first.left.text} in ({', '.join([value, *names])})"
        fix = Fix(written.span.start, written.span.end, meant)
        raise self.operands.wrong(
            Code.UNKNOWN_MACRO, f"unknown macro `{names[0]}`", others[0].span, f"for several values: {meant}", fix
        )

    def _expand(self, name: str, span: Span) -> Expansion:
        """The macro's condition, computed at its first use. ``span`` is the place of this use."""
        if name in self._open:
            self.stable = False
            cycle = " → ".join([*self._open[self._open.index(name) :], name])
            raise self.operands.wrong(Code.CYCLE, f"macro cycle: {cycle}", span)
        self.scope.reads.names.add((NameKind.MACRO, name))
        self.scope.reads.macros.add(name)
        if name not in self.expansions:
            self.expansions[name] = self._expanded(name, span)
        found = self.expansions[name]
        self.stable = self.stable and found.stable
        return found

    def _expanded(self, name: str, span: Span) -> Expansion:
        outside = self._depth, self._max_depth, self._size
        outer, before, stable = self.scope.reads, len(self.problems), self.stable
        self._depth = self._max_depth = self._size = 0
        self.scope.reads, self.stable = Reads(), True
        self._open.append(name)
        condition = None
        try:
            condition = self._condition(self._written(name, span))
        except Broken:
            pass
        finally:
            problems = self._anchored(name, self.problems[before:])
            del self.problems[before:]
            found = Expansion(condition, self._max_depth, self._size, problems, self.scope.reads, self.stable)
            self._open.pop()
            self._depth, self._max_depth, self._size = outside
            self.scope.reads, self.stable = outer, stable
        return found

    def _anchored(self, name: str, problems: Sequence[Diagnostic]) -> Anchored | None:
        definition = self.scope.definitions[NameKind.MACRO, name]
        place = definition.span if isinstance(definition, syntax.MacroStatement) else Span("", 0, 0, 1, 1)
        return anchored(place, problems) if problems else None

    def _written(self, name: str, span: Span) -> syntax.ConditionNode:
        """The condition of a macro. Falco's macros are parsed on first use."""
        definition = self.scope.definitions[NameKind.MACRO, name]
        if isinstance(definition, syntax.MacroStatement):
            written = definition.condition
        else:
            assert isinstance(definition, FalcoMacro)
            parsed = parse_condition(definition.source)
            if isinstance(parsed, tuple):
                self.stable = False
                error = parsed[0].message
                raise self.operands.wrong(Code.CANNOT_IMPORT, f"cannot parse Falco's macro `{name}`: {error}", span)
            written = parsed
        if syntax.nesting(written) > MAX_DEPTH:
            raise self._too_deep(written.span)
        if len(self._open) > MAX_DEPTH + 1:
            self.stable = False
            raise self.operands.wrong(Code.TOO_DEEP, f"macros are nested more than {MAX_DEPTH} levels deep", span)
        return written

    def _too_deep(self, span: Span) -> Broken:
        return self.operands.wrong(
            Code.TOO_DEEP, f"condition is nested more than {MAX_DEPTH} levels deep", span, _SIMPLIFY
        )

    def _count(self, comparisons: int, span: Span) -> None:
        self._size += comparisons
        if self._size > MAX_COMPARISONS:
            raise self.operands.wrong(
                Code.TOO_LARGE, f"condition has more than {MAX_COMPARISONS} comparisons", span, "split the route"
            )
