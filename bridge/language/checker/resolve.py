"""Checks conditions: resolves names, expands macros, checks types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from bridge.language.checker.comparison import Comparisons
from bridge.language.checker.operands import Broken, Operands
from bridge.language.checker.scope import FalcoMacro, NameKind, Scope
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.diagnostics.source import Span
from bridge.language.falco.stock_names import STOCK_MACROS
from bridge.language.program.condition import All, Any, Condition, Exists, Not
from bridge.language.program.kinds import ATTRIBUTES
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import parse_condition

MAX_DEPTH = 100
"""Nesting levels of parentheses, ``not``, transformers and macros."""
MAX_COMPARISONS = 20_000
"""Comparisons in a condition after macros are expanded."""

_NO_SUCH_MACRO = "define it: macro NAME = …; for several values: FIELD in (a, b)"

_SIMPLIFY = "reduce the nesting"


@dataclass(frozen=True, slots=True)
class _Expanded:
    condition: Condition
    depth: int
    size: int


@dataclass(slots=True)
class Resolver:
    """Checks conditions in a scope. Errors are added to ``problems``."""

    scope: Scope
    problems: list[Diagnostic]
    _macros: dict[str, _Expanded | None] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _depth: int = 0
    _max_depth: int = 0
    _size: int = 0
    operands: Operands = field(init=False)
    _comparisons: Comparisons = field(init=False)

    def __post_init__(self) -> None:
        self.operands = Operands(self.scope, self.problems)
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

    def check_macro(self, statement: syntax.MacroStatement) -> None:
        """Check a macro, whether or not it is used."""
        name = statement.name.text
        if name not in self._macros and self.scope.definitions.get((NameKind.MACRO, name)) is statement:
            self._depth = self._max_depth = self._size = 0
            try:
                self._expand(name, statement.name.span)
            except Broken:
                return

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
                    return self._comparisons.comparison(written)
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
            or any(self.scope.definitions.get((NameKind.MACRO, name)) or name in STOCK_MACROS for name in names)
        ):
            return
        value = f'"{first.right.text}"' if first.right.quoted else first.right.text
        meant = f"{first.left.text} in ({', '.join([value, *names])})"
        fix = Fix(written.span.start, written.span.end, meant)
        raise self.operands.wrong(
            Code.UNKNOWN_MACRO, f"unknown macro `{names[0]}`", others[0].span, f"for several values: {meant}", fix
        )

    def _expand(self, name: str, span: Span) -> _Expanded:
        if name in self._open:
            self._macros[name] = None
            cycle = " → ".join([*self._open[self._open.index(name) :], name])
            raise self.operands.wrong(Code.CYCLE, f"macro cycle: {cycle}", span)
        if name in self._macros:
            found = self._macros[name]
            if found is None:
                raise Broken
            return found
        self._macros[name] = None
        written = self._written(name, span)
        if syntax.nesting(written) > MAX_DEPTH:
            raise self._too_deep(written.span)
        if len(self._open) > MAX_DEPTH:
            raise self.operands.wrong(Code.TOO_DEEP, f"macros are nested more than {MAX_DEPTH} levels deep", span)
        outside = self._depth, self._max_depth, self._size
        self._depth = self._max_depth = self._size = 0
        self._open.append(name)
        del self._macros[name]
        try:
            found = _Expanded(self._condition(written), self._max_depth, self._size)
        except Broken:
            self._macros[name] = None
            raise
        finally:
            self._open.pop()
            self._depth, self._max_depth, self._size = outside
        self._macros[name] = found
        return found

    def _written(self, name: str, span: Span) -> syntax.ConditionNode:
        """The condition of a macro. Falco's macros are parsed on first use."""
        definition = self.scope.definitions[NameKind.MACRO, name]
        if isinstance(definition, syntax.MacroStatement):
            return definition.condition
        assert isinstance(definition, FalcoMacro)
        written = parse_condition(definition.source)
        if isinstance(written, tuple):
            error = written[0].message
            raise self.operands.wrong(Code.CANNOT_IMPORT, f"cannot parse Falco's macro `{name}`: {error}", span)
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
