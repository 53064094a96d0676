"""Checks comparisons: operator, right side and lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bridge.alert.catalogue import RETIRED
from bridge.alert.command import COMMAND_RULE
from bridge.common.suggest import did_you_mean
from bridge.language.checker.conditions.field_comparison import never_matches, objection
from bridge.language.checker.conditions.foreign import better_operator, foreign_value
from bridge.language.checker.conditions.known_values import misspelt_value
from bridge.language.checker.conditions.literals import literal_problems
from bridge.language.checker.conditions.operands import Broken, Operands
from bridge.language.checker.scope import FALCO_MACRO_PREFIX, NameKind, expand
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.falco.stock_names import STOCK_LISTS
from bridge.language.program.condition import Call, Compare, Field, Items, Kind, Literal, Operand, Operator, Quantifier
from bridge.language.program.fields.kinds import LIST_OPERATORS, ORDERING, allows, kind_name, operators_for
from bridge.language.program.fields.transformers import kind_of
from bridge.language.syntax import tree as syntax

FALCO_INTERNAL = "Falco internal: "
"""The prefix of the rule names of Falco's internal alerts, which no rules file defines."""
_BARE_LIST = re.compile("[a-zA-Z][a-zA-Z0-9_]*")
"""A list without parentheses, as Falco accepts it: a single name, which is the only item."""
_MAX_LENGTH_DIFFERENCE = 2
"""Letters by which a misspelt name of a list may be longer or shorter."""
_MOST_NAMES = 1000
"""Items of a list that are compared with the known values of a field: each costs up to a millisecond."""
_EXACT = frozenset({Operator.EQ, Operator.NE, Operator.IN})
_Use = tuple[str, Kind, Operator, bool]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Checks comparisons. Problems are added to those of ``operands``."""

    operands: Operands
    _valid_uses: dict[_Use, tuple[Literal, ...]] = field(default_factory=dict)
    """Items of lists without any diagnostic, cached: a thousand routes may use a list of twenty thousand items.

    Their place is that of the list, whichever condition uses it first.
    """

    def comparison(self, written: syntax.Comparison) -> Compare:
        """Check a comparison. Raises Broken."""
        operator = Operator.EQ if written.operator.text == "==" else Operator(written.operator.text)
        left = self._left(written, operator)
        kind = kind_of(left)
        if not allows(kind, operator):
            raise self._wrong_operator(written, kind, operator)
        quantifier = None if written.quantifier is None else Quantifier(written.quantifier.text)
        if quantifier is not None and operator in ORDERING:
            raise self.operands.wrong(
                Code.WRONG_OPERATOR, f"`{operator.value}` does not support `{quantifier.value}`", written.operator.span
            )
        right = self._right(written, left, operator)
        if never_matches(left, right, operator):
            self.operands.problems.append(
                Diagnostic(
                    Code.EMPTY_VALUE,
                    f"`{operator.value}` never matches here: Falco also compares the final zero byte of the result",
                    written.operator.span,
                    "remove the transformer" if kind is Kind.LIST else "use `=`",
                )
            )
            right = Items((), right.span)
        return Compare(left, operator, right, quantifier, written.span)

    def _left(self, written: syntax.Comparison, operator: Operator) -> Field | Call:
        """Check the left side. If it has an error, the values are still checked."""
        try:
            left = self.operands.left(written.left)
        except Broken:
            unknown = Field("", Kind.UNKNOWN, written.left.span)
            with suppress(Broken):
                if operator not in ORDERING:  # the value may be a priority
                    self._right(written, unknown, operator)
            raise
        if isinstance(left, Field) and left.name == RETIRED and not left.span.path.startswith(FALCO_MACRO_PREFIX):
            self.operands.problems.append(
                Diagnostic(
                    Code.NEVER_EMITTED,
                    f"Falco 0.43 and later have no `{RETIRED}`: rules see only the end of a system call",
                    written.span,
                    "remove this comparison",
                )
            )
        return left

    def _wrong_operator(self, written: syntax.Comparison, kind: Kind, operator: Operator) -> Broken:
        better = better_operator(written, kind, operator)
        hint, fix = (f"use one of: {operators_for(kind)}", None) if better is None else better
        message = f"`{operator.value}` does not support {_label(written.left)}, which is {kind_name(kind)}"
        return self.operands.wrong(Code.WRONG_OPERATOR, message, written.operator.span, hint, fix)

    def _right(self, written: syntax.Comparison, left: Operand, operator: Operator) -> Operand:
        right, kind = written.right, kind_of(left)
        if isinstance(right, syntax.Transform):
            return self._right_call(written, right, left, operator)
        if isinstance(right, syntax.Word) and operator not in LIST_OPERATORS:
            right = _until_zero_byte(right, kind)
            self._check_word(written, kind, operator, right)
            return Literal(right.text, right.quoted, right.span)
        if isinstance(right, syntax.Word) and (not _BARE_LIST.fullmatch(right.text) or self._needs_parentheses(right)):
            text = f'"{right.text}"' if right.quoted else right.text
            self.operands.scope.find(NameKind.LIST, right.text)
            fix = Fix(right.span.start, right.span.end, f"({text})", certain=True)
            raise self.operands.wrong(
                Code.WRONG_RIGHT_SIDE, f"`{operator.value}` needs a list", right.span, f"write `({text})`", fix
            )
        use = self._list_use(written, kind, operator)
        if use is not None and use in self._valid_uses:
            return Items(self._valid_uses[use], right.span)
        known = len(self.operands.problems)
        literals = self._items(written, right, kind, operator)
        if use is not None and len(self.operands.problems) == known:
            place = self.operands.scope.names[NameKind.LIST, use[0]].span
            literals = self._valid_uses[use] = tuple(Literal(each.text, each.quoted, place) for each in literals)
        return Items(literals, right.span)

    def _items(
        self, written: syntax.Comparison, right: syntax.Word | syntax.WordList, kind: Kind, operator: Operator
    ) -> tuple[Literal, ...]:
        words = (right,) if isinstance(right, syntax.Word) else expand(self.operands.scope, right.words)
        words = tuple(_until_zero_byte(word, kind) for word in words)
        if isinstance(right, syntax.WordList) and self.operands.scope.lacks(right.words):
            raise Broken
        if not words:
            self.operands.problems.append(
                Diagnostic(
                    Code.EMPTY_VALUE, f"`{operator.value} ()` is never true", right.span, "add values to the list"
                )
            )
        before = self._errors()
        if isinstance(right, syntax.Word):
            self._check_bare_item(right)
        elif len(right.words) == 1:
            self._check_item(right.words[0])
        for word in words:
            self._check_value(written, kind, operator, word)
        self._check_names(written, operator, words)
        if self._errors() > before:
            raise Broken
        return tuple(Literal(word.text, word.quoted, word.span) for word in words)

    def _list_use(self, written: syntax.Comparison, kind: Kind, operator: Operator) -> _Use | None:
        """The cache key of a comparison with a single named list; None for any other comparison."""
        match written.right:
            case syntax.WordList(words=(syntax.Word(quoted=False, text=name),)) if (
                self.operands.scope.items(name) is not None
            ):
                self.operands.scope.find(NameKind.LIST, name)
                of_rules = isinstance(written.left, syntax.FieldName) and written.left.text == "rule"
                return name, kind, operator, of_rules
            case _:
                return None

    def _check_bare_item(self, word: syntax.Word) -> None:
        """Report a single value without parentheses: in Falco, and for most readers, it is the name of a list."""
        known = len(self.operands.problems)
        self._check_item(word)
        if len(self.operands.problems) > known:
            return
        self.operands.problems.append(
            Diagnostic(
                Code.MISSPELT_LIST,
                f"`{word.text}` is compared as text: no list has this name",
                word.span,
                f"for the text write `({word.text})`; for a list define: list {word.text} = (…)",
                fix=Fix(word.span.start, word.span.end, f"({word.text})"),
            )
        )

    def _check_item(self, word: syntax.Word) -> None:
        """Report a single value in parentheses that is almost the name of a list and not one of its items."""
        scope = self.operands.scope
        if word.quoted or not _BARE_LIST.fullmatch(word.text) or scope.items(word.text) is not None:
            return
        if word.text in STOCK_LISTS and scope.rule_names is None:
            file = STOCK_LISTS[word.text]
            self.operands.problems.append(
                Diagnostic(
                    Code.MISSPELT_LIST,
                    f"`{word.text}` is compared as text: it is a list of Falco's {file}, which is not imported",
                    word.span,
                    f'add: import falco "{file}"',
                    fix=Fix(0, 0, f'import falco "{file}"\n'),
                )
            )
            return
        meant = scope.nearest_list(word.text)
        if (
            meant is None
            or abs(len(meant) - len(word.text)) > _MAX_LENGTH_DIFFERENCE
            or word.text in {item.text for item in scope.items(meant) or ()}
        ):
            return
        scope.find(NameKind.LIST, meant)
        self.operands.problems.append(
            Diagnostic(
                Code.MISSPELT_LIST,
                f"`{word.text}` is compared as text: no list has this name",
                word.span,
                f"did you mean the list `{meant}`? To compare the text, quote it",
            )
        )

    def _needs_parentheses(self, word: syntax.Word) -> bool:
        """A quoted word, or the name of a list, which Falco would replace by its items without parentheses."""
        return word.quoted or self.operands.scope.find(NameKind.LIST, word.text) is not None

    def _check_word(self, written: syntax.Comparison, kind: Kind, operator: Operator, word: syntax.Word) -> None:
        before = self._errors()
        self._check_value(written, kind, operator, word)
        self._check_names(written, operator, (word,))
        if self._errors() > before:
            raise Broken

    def _check_value(self, written: syntax.Comparison, kind: Kind, operator: Operator, word: syntax.Word) -> None:
        """Report everything about one value. ``FIELD`` in a hint becomes the left side."""
        foreign = foreign_value(written, operator, word)
        if foreign is not None:
            self.operands.problems.append(foreign)
            if kind not in (Kind.TEXT, Kind.UNKNOWN, Kind.BYTES):
                raise Broken
            return
        name = written.left.text if isinstance(written.left, syntax.FieldName) else "FIELD"
        self.operands.problems.extend(
            replace(each, hint=each.hint.replace("FIELD", name)) for each in literal_problems(kind, operator, word)
        )
        self._check_rule(written.left, operator, word)

    def _check_names(self, written: syntax.Comparison, operator: Operator, words: Sequence[syntax.Word]) -> None:
        """Report values that are nearly one that the field has. Of a very long list, its first items."""
        if operator in _EXACT and isinstance(written.left, syntax.FieldName):
            field_name = written.left.text
            found = [misspelt_value(field_name, word) for word in words[:_MOST_NAMES]]
            self.operands.problems.extend(each for each in found if each is not None)

    def _check_rule(self, left: syntax.LeftOperand, operator: Operator, word: syntax.Word) -> None:
        """Report the name of a rule that no imported rules file defines."""
        names = self.operands.scope.rule_names
        own = word.text == COMMAND_RULE or word.text.startswith(FALCO_INTERNAL)
        if names is None or operator not in _EXACT or word.text in names or own:
            return
        if isinstance(left, syntax.FieldName) and left.text == "rule":
            hint = did_you_mean(word.text, names) or "no imported rules file defines it"
            self.operands.problems.append(Diagnostic(Code.UNKNOWN_RULE, f"unknown rule `{word.text}`", word.span, hint))

    def _errors(self) -> int:
        return sum(problem.severity.value == "error" for problem in self.operands.problems)

    def _right_call(
        self, written: syntax.Comparison, right: syntax.Transform, left: Operand, operator: Operator
    ) -> Call:
        call = self.operands.call(right)
        wrong = objection(left, call, operator, _label(written.left))
        if wrong is not None:
            raise self.operands.wrong(Code.WRONG_RIGHT_SIDE, wrong[0], right.span, wrong[1])
        return call


def _until_zero_byte(word: syntax.Word, kind: Kind) -> syntax.Word:
    """The part of a value that Falco compares: a zero byte ends every value but bytes."""
    if "\0" not in word.text or kind is Kind.BYTES:
        return word
    return replace(word, text=word.text.partition("\0")[0])


def _label(left: syntax.LeftOperand) -> str:
    return f"`{left.text}`" if isinstance(left, syntax.FieldName) else f"`{left.name.text}(…)`"
