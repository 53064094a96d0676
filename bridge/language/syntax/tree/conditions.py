"""The nodes of conditions: words, fields, calls, comparisons, and what combines them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.language.diagnostics.source import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a value. Quotes are removed and escapes are resolved."""

    text: str
    quoted: bool
    span: Span
    escaped: str = field(default="", compare=False)
    """As written, with quotes, if it contains escapes."""


@dataclass(frozen=True, slots=True)
class FieldName:
    """A field with its argument (``proc.aname[2]``), or an attribute (``rule``)."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class WordList:
    """``(a, b)`` after an operator or in a ``list``: values and names of lists."""

    words: tuple[Word, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Arguments:
    """``(a, b)`` inside a transformer's parentheses."""

    items: tuple[CallArgument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Transform:
    """``tolower(proc.name)``."""

    name: Word
    arguments: tuple[CallArgument, ...]
    span: Span
    selector: str | None = None
    """The text in brackets after the call: ``t`` in ``getopt((…), "t:")[t]``."""


CallArgument = FieldName | Word | Transform | Arguments
LeftOperand = FieldName | Transform
RightOperand = Word | WordList | Transform


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator [quantifier] right``."""

    left: LeftOperand
    operator: Word
    quantifier: Word | None
    right: RightOperand
    span: Span


@dataclass(frozen=True, slots=True)
class Existence:
    """``field exists``."""

    left: LeftOperand
    span: Span


@dataclass(frozen=True, slots=True)
class MacroUse:
    """The name of a macro, used as a condition."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Negation:
    """``not …``."""

    condition: ConditionNode
    span: Span


@dataclass(frozen=True, slots=True)
class Parenthesized:
    """``( … )``."""

    condition: ConditionNode
    span: Span


@dataclass(frozen=True, slots=True)
class Conjunction:
    """``… and …``, two or more."""

    conditions: tuple[ConditionNode, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Disjunction:
    """``… or …``, two or more."""

    conditions: tuple[ConditionNode, ...]
    span: Span


ConditionNode = Comparison | Existence | MacroUse | Negation | Parenthesized | Conjunction | Disjunction


def nesting(written: ConditionNode) -> int:
    """The nesting depth of a condition, computed without recursion because it may be very deep."""
    deepest = 0
    stack: list[tuple[object, int]] = [(written, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        match node:
            case Conjunction() | Disjunction():
                stack += [(each, depth) for each in node.conditions]
            case Negation() | Parenthesized():
                stack.append((node.condition, depth + 1))
            case Comparison():
                stack += [(node.left, depth), (node.right, depth)]
            case Existence():
                stack.append((node.left, depth))
            case Transform():
                stack += [(each, depth + 1) for each in node.arguments]
            case Arguments():
                stack += [(each, depth + 1) for each in node.items]
            case _:
                pass
    return deepest
