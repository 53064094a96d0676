"""From a condition as written to a checked one: names resolved, macros expanded, types known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import assert_never

from bridge.alert.catalogue import catalogue, families
from bridge.language import syntax
from bridge.language.condition import (
    All,
    Any,
    Call,
    Compare,
    Condition,
    Exists,
    Field,
    Items,
    Kind,
    Literal,
    Not,
    Operand,
    Operator,
    Pack,
    Quantifier,
)
from bridge.language.diagnostic import Code, Diagnostic
from bridge.language.kinds import (
    ATTRIBUTES,
    LABEL,
    LIST_OPERATORS,
    ORDERING,
    allows,
    argument_problem,
    field_kind,
    kind_name,
    operators_for,
)
from bridge.language.literals import literal_problems
from bridge.language.parser import parse_condition
from bridge.language.scope import FalcoMacro, NameKind, Scope, expand
from bridge.language.sides import finds_nothing, objection
from bridge.language.source import Span
from bridge.language.suggest import did_you_mean, field_meant, nearest
from bridge.language.transformers import NAMES, VAL, kind_of, result_kind

DEEPEST = 100
"""Levels of parentheses, ``not``, transformers and macros within each other."""
LARGEST = 20_000
"""Comparisons in one condition with its macros expanded."""

FALCO_INTERNAL = "Falco internal: "
"""What the rules begin with by which Falco speaks of itself; they stand in no rules file."""
_GIVEN = frozenset({Kind.TEXT, Kind.BYTES, Kind.UNKNOWN, Kind.LIST})
_ITEMS = _GIVEN | {Kind.INTEGER, Kind.UNSIGNED, Kind.DOUBLE}
"""What a list inside a transformer may hold: what other transformers give, and fields."""
_BARE_LIST = re.compile("[a-zA-Z][a-zA-Z0-9_]*")
"""What Falco takes for a list without parentheses: one name, which is then the list's only item."""
_NO_SUCH_MACRO = "define it: macro NAME = …; or for several values: FIELD in (a, b)"
_SLIP = 2
"""So many letters more or fewer may a misspelt list's name have."""
_WHOLE_NAMES = frozenset({Operator.EQ, Operator.NE, Operator.IN})


_Use = tuple[str, Kind, Operator, bool]


class _Broken(Exception):  # noqa: N818  # control flow within this file: the diagnostic is already noted
    """This condition has a mistake; its neighbours are still looked at."""


@dataclass(frozen=True, slots=True)
class _Expanded:
    condition: Condition
    depth: int
    size: int


@dataclass(slots=True)
class Resolver:
    """Checks conditions against one scope and notes what is wrong in ``problems``."""

    scope: Scope
    problems: list[Diagnostic]
    _macros: dict[str, _Expanded | None] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _faultless: dict[_Use, tuple[Literal, ...]] = field(default_factory=dict)
    """The items of lists in which nothing is wrong or odd: a thousand routes may name one of twenty thousand."""
    _depth: int = 0
    _deepest: int = 0
    _size: int = 0

    def resolve(self, written: syntax.Written) -> Condition | None:
        """The checked condition, or None where something is wrong with it."""
        self._depth = self._deepest = self._size = 0
        try:
            if syntax.nesting(written) > DEEPEST:
                raise self._wrong(Code.TOO_DEEP, f"more than {DEEPEST} levels deep", written.span, "use macros")
            return self._condition(written)
        except _Broken:
            return None

    def check_macro(self, statement: syntax.MacroStatement) -> None:
        """Look at a macro, whether or not something uses it."""
        name = statement.name.text
        if name not in self._macros and self.scope.definitions.get((NameKind.MACRO, name)) is statement:
            self._depth = self._deepest = self._size = 0
            try:
                self._expand(name, statement.name.span)
            except _Broken:
                return

    # Logic

    def _condition(self, written: syntax.Written) -> Condition:
        self._depth += 1
        self._deepest = max(self._deepest, self._depth)
        try:
            match written:
                case syntax.Conjunction():
                    return All(self._several(written.conditions), written.span)
                case syntax.Disjunction():
                    return Any(self._several(written.conditions), written.span)
                case syntax.Negation():
                    return Not(self._condition(written.condition), written.span)
                case syntax.Group():
                    return self._condition(written.condition)
                case syntax.MacroUse():
                    return self._macro(written)
                case syntax.Existence():
                    self._count(1, written.span)
                    return Exists(self._left(written.left), written.span)
                case syntax.Comparison():
                    self._count(1, written.span)
                    return self._comparison(written)
                case _:
                    assert_never(written)
        finally:
            self._depth -= 1

    def _several(self, conditions: tuple[syntax.Written, ...]) -> tuple[Condition, ...]:
        """All of them, so that every mistake is told at once."""
        resolved: list[Condition] = []
        broken = False
        for condition in conditions:
            try:
                resolved.append(self._condition(condition))
            except _Broken:
                broken = True
        if broken:
            raise _Broken
        return tuple(resolved)

    def _macro(self, use: syntax.MacroUse) -> Condition:
        if self.scope.find(NameKind.MACRO, use.name) is None:
            if use.name in self.scope.broken:
                raise _Broken
            hint = did_you_mean(use.name, self.scope.all(NameKind.MACRO)) or _NO_SUCH_MACRO
            if use.name in ATTRIBUTES:
                hint = f"`{use.name}` needs an operator and a value"
            raise self._wrong(Code.UNKNOWN_MACRO, f"unknown macro `{use.name}`", use.span, hint)
        found = self._expand(use.name, use.span)
        self._deepest = max(self._deepest, self._depth + found.depth)
        if self._deepest > DEEPEST:
            raise self._wrong(
                Code.TOO_DEEP, f"with its macros it is more than {DEEPEST} levels deep", use.span, "split it"
            )
        self._count(found.size, use.span)
        return found.condition

    def _expand(self, name: str, span: Span) -> _Expanded:
        if name in self._open:
            self._macros[name] = None
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise self._wrong(Code.CYCLE, f"macro `{name}` stands for itself: {circle}", span)
        if name in self._macros:
            found = self._macros[name]
            if found is None:
                raise _Broken
            return found
        self._macros[name] = None
        written = self._written(name, span)
        if syntax.nesting(written) > DEEPEST:
            raise self._wrong(Code.TOO_DEEP, f"more than {DEEPEST} levels deep", written.span, "use macros")
        if len(self._open) > DEEPEST:
            raise self._wrong(Code.TOO_DEEP, f"macros stand more than {DEEPEST} levels deep in macros", span)
        outside = self._depth, self._deepest, self._size
        self._depth = self._deepest = self._size = 0
        self._open.append(name)
        del self._macros[name]
        try:
            found = _Expanded(self._condition(written), self._deepest, self._size)
        except _Broken:
            self._macros[name] = None
            raise
        finally:
            self._open.pop()
            self._depth, self._deepest, self._size = outside
        self._macros[name] = found
        return found

    def _written(self, name: str, span: Span) -> syntax.Written:
        """A macro's condition; one of Falco's is only now read."""
        definition = self.scope.definitions[NameKind.MACRO, name]
        if isinstance(definition, syntax.MacroStatement):
            return definition.condition
        assert isinstance(definition, FalcoMacro)
        written = parse_condition(definition.source)
        if isinstance(written, tuple):
            said = written[0].message
            raise self._wrong(Code.CANNOT_IMPORT, f"Falco's macro `{name}` cannot be read here: {said}", span)
        return written

    def _count(self, comparisons: int, span: Span) -> None:
        self._size += comparisons
        if self._size > LARGEST:
            raise self._wrong(Code.TOO_LARGE, f"more than {LARGEST} comparisons", span, "split the route")

    # Comparisons

    def _comparison(self, written: syntax.Comparison) -> Compare:
        operator = Operator.EQ if written.operator.text == "==" else Operator(written.operator.text)
        left = self._left(written.left)
        kind = kind_of(left)
        if not allows(kind, operator):
            raise self._wrong(
                Code.WRONG_OPERATOR,
                f"`{operator.value}` cannot be used here: {_told(written.left)} is {kind_name(kind)}",
                written.operator.span,
                f"it takes {operators_for(kind)}",
            )
        quantifier = None if written.quantifier is None else Quantifier(written.quantifier.text)
        if quantifier is not None and operator in ORDERING:
            raise self._wrong(
                Code.WRONG_OPERATOR, f"`{operator.value}` takes no `{quantifier.value}`", written.operator.span
            )
        right = self._right(written, left, operator)
        if finds_nothing(left, right, operator):
            self.problems.append(
                Diagnostic(
                    Code.EMPTY_VALUE,
                    f"`{operator.value}` finds nothing here: Falco counts the end of what a transformer gives",
                    written.operator.span,
                    "leave the transformer out" if kind is Kind.LIST else "write `=`",
                )
            )
            right = Items((), right.span)
        return Compare(left, operator, right, quantifier, written.span)

    def _left(self, written: syntax.Left) -> Field | Call:
        if isinstance(written, syntax.FieldName):
            return self._field(written)
        if written.name.text == VAL:
            raise self._wrong(Code.WRONG_ARGUMENTS, "val() stands on the right only", written.span, "leave it out")
        return self._call(written)

    def _right(self, written: syntax.Comparison, left: Operand, operator: Operator) -> Operand:
        right, kind = written.right, kind_of(left)
        if isinstance(right, syntax.Transform):
            return self._right_call(written, right, left, operator)
        if isinstance(right, syntax.Word) and operator not in LIST_OPERATORS:
            self._check_word(kind, operator, right)
            self._check_rule(written.left, operator, right)
            return Literal(right.text, right.quoted, right.span)
        if isinstance(right, syntax.Word) and (not _BARE_LIST.fullmatch(right.text) or self._is_no_item(right)):
            message = f"`{operator.value}` takes a list"
            raise self._wrong(Code.WRONG_RIGHT_SIDE, message, right.span, "put it in parentheses, also a single value")
        use = self._use_of_a_list(written, kind, operator)
        if use is not None and use in self._faultless:
            return Items(self._faultless[use], right.span)
        known = len(self.problems)
        literals = self._listed(written, right, kind, operator)
        if use is not None and len(self.problems) == known:
            self._faultless[use] = literals
        return Items(literals, right.span)

    def _listed(
        self, written: syntax.Comparison, right: syntax.Word | syntax.WordList, kind: Kind, operator: Operator
    ) -> tuple[Literal, ...]:
        words = (right,) if isinstance(right, syntax.Word) else expand(self.scope, right.words)
        if isinstance(right, syntax.WordList) and self.scope.lacks(right.words):
            raise _Broken
        if not words:
            self.problems.append(
                Diagnostic(Code.EMPTY_VALUE, f"`{operator.value} ()` is never true", right.span, "fill the list")
            )
        before = self._errors()
        if isinstance(right, syntax.WordList) and len(right.words) == 1:
            self._check_item(right.words[0])
        for word in words:
            self.problems.extend(literal_problems(kind, operator, word))
            self._check_rule(written.left, operator, word)
        if self._errors() > before:
            raise _Broken
        return tuple(Literal(word.text, word.quoted, word.span) for word in words)

    def _use_of_a_list(self, written: syntax.Comparison, kind: Kind, operator: Operator) -> _Use | None:
        """What tells a list's use from another, where nothing but its name stands in the parentheses."""
        match written.right:
            case syntax.WordList(words=(syntax.Word(quoted=False, text=name),)) if name in self.scope.lists:
                self.scope.find(NameKind.LIST, name)
                of_rules = isinstance(written.left, syntax.FieldName) and written.left.text == "rule"
                return name, kind, operator, of_rules
            case _:
                return None

    def _check_item(self, word: syntax.Word) -> None:
        """A value that stands alone in parentheses, almost by the name of a list that does not hold it."""
        lists = self.scope.lists
        meant = (
            None
            if word.quoted or word.text in lists or not _BARE_LIST.fullmatch(word.text)
            else nearest(word.text, lists)
        )
        if (
            meant is None
            or abs(len(meant) - len(word.text)) > _SLIP
            or word.text in {item.text for item in lists[meant]}
        ):
            return
        self.problems.append(
            Diagnostic(
                Code.MISSPELT_LIST,
                f"`{word.text}` is a text here, for no list has this name",
                word.span,
                f"did you mean `{meant}`? For the text, quote it",
            )
        )

    def _is_no_item(self, word: syntax.Word) -> bool:
        """A quoted word, or a list's name, which Falco replaces by its items and then misses the parentheses."""
        return word.quoted or self.scope.find(NameKind.LIST, word.text) is not None

    def _check_word(self, kind: Kind, operator: Operator, word: syntax.Word) -> None:
        before = self._errors()
        self.problems.extend(literal_problems(kind, operator, word))
        if self._errors() > before:
            raise _Broken

    def _check_rule(self, left: syntax.Left, operator: Operator, word: syntax.Word) -> None:
        """A rule's name that no imported rules file has."""
        names = self.scope.rule_names
        if names is None or operator not in _WHOLE_NAMES or word.text in names or word.text.startswith(FALCO_INTERNAL):
            return
        if isinstance(left, syntax.FieldName) and left.text == "rule":
            hint = did_you_mean(word.text, names) or "the rules files that are imported have none such"
            self.problems.append(Diagnostic(Code.UNKNOWN_RULE, f"unknown rule `{word.text}`", word.span, hint))

    def _errors(self) -> int:
        return sum(problem.severity.value == "error" for problem in self.problems)

    def _right_call(
        self, written: syntax.Comparison, right: syntax.Transform, left: Operand, operator: Operator
    ) -> Call:
        call = self._call(right)
        wrong = objection(left, call, operator, _told(written.left))
        if wrong is not None:
            raise self._wrong(Code.WRONG_RIGHT_SIDE, wrong[0], right.span, wrong[1])
        return call

    # Operands

    def field(self, written: syntax.FieldName) -> str | None:
        """A field named outside a condition; None where there is none such, which is noted."""
        try:
            return self._field(written).name
        except _Broken:
            return None

    def _field(self, written: syntax.FieldName) -> Field:
        kind = field_kind(written.text)
        if kind is None and "." not in written.text:
            hint = (
                field_meant(written.text)
                or did_you_mean(written.text, ATTRIBUTES)
                or f"without a dot there are {', '.join(ATTRIBUTES)}"
            )
            raise self._wrong(Code.UNKNOWN_FIELD, f"unknown field `{written.text}`", written.span, hint)
        if problem := argument_problem(written.text):
            raise self._wrong(Code.UNKNOWN_FIELD, problem[0], written.span, problem[1])
        if written.text.startswith(LABEL):
            self._check_label(written)
        elif kind is None:
            unknown = unknown_field(written.text, written.span)
            if unknown is not None:
                self.problems.append(unknown)
                raise _Broken
        return Field(written.text, kind or Kind.UNKNOWN, written.span)

    def _check_label(self, written: syntax.FieldName) -> None:
        labels = self.scope.known.labels
        name = written.text.removeprefix(LABEL)
        if labels is not None and name not in labels:
            hint = did_you_mean(name, labels) or "the config's `labels` name them"
            raise self._wrong(Code.UNKNOWN_LABEL, f"unknown label `{name}`", written.span, hint)

    def _call(self, written: syntax.Transform) -> Call:
        name = written.name.text
        if name not in NAMES:
            hint = did_you_mean(name, NAMES) or f"one of {', '.join(NAMES)}"
            raise self._wrong(Code.UNKNOWN_TRANSFORMER, f"unknown transformer `{name}`", written.name.span, hint)
        arguments = tuple(self._argument(argument) for argument in written.arguments)
        kind = result_kind(name, arguments, written.selector)
        if isinstance(kind, str):
            raise self._wrong(Code.WRONG_ARGUMENTS, kind, written.span)
        return Call(name, arguments, kind, written.span, written.selector)

    def _argument(self, written: syntax.CallArgument) -> Operand:
        match written:
            case syntax.FieldName():
                return self._field(written)
            case syntax.Word():
                return Literal(written.text, written.quoted, written.span)
            case syntax.Arguments():
                return self._pack(written)
            case syntax.Transform():
                if written.name.text == VAL:
                    raise self._wrong(Code.WRONG_ARGUMENTS, "val() cannot stand inside a transformer", written.span)
                return self._call(written)
            case _:
                assert_never(written)

    def _pack(self, written: syntax.Arguments) -> Pack:
        """A list inside a transformer's parentheses: of texts, of numbers as they are printed, of lists' items."""
        values = tuple(self._argument(item) for item in written.items)
        for value in values:
            if isinstance(value, Pack) or kind_of(value) not in (_ITEMS if isinstance(value, Field) else _GIVEN):
                message = f"a list here holds texts, and this is {kind_name(kind_of(value))}"
                raise self._wrong(Code.WRONG_ARGUMENTS, message, value.span)
        return Pack(values, written.span)

    def _wrong(self, code: Code, message: str, span: Span, hint: str = "") -> _Broken:
        self.problems.append(Diagnostic(code, message, span, hint))
        return _Broken()


def unknown_field(name: str, span: Span) -> Diagnostic | None:
    """A misspelt field. A plugin of one's own has a first word of its own, and its fields are taken by their value."""
    base = name.partition("[")[0]
    hint = field_meant(base) or did_you_mean(base, (*catalogue(), *ATTRIBUTES))
    if not hint and (family := base.partition(".")[0]) in families():
        hint = f"see: falco-bridge fields '{family}.*'"
    return Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `{name}`", span, hint) if hint else None


def _told(left: syntax.Left) -> str:
    return f"`{left.text}`" if isinstance(left, syntax.FieldName) else f"`{left.name.text}(…)`"
