"""Lays out conditions and lists: on one line if they fit, otherwise broken at operators and items."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.language.syntax import tree as syntax

_STEP = "  "


def condition_lines(head: str, condition: syntax.ConditionNode, text: str, room: int) -> list[str]:
    """``head`` and the condition. Continuation lines start with ``and`` or ``or``, aligned with the condition."""
    flat = head + _flat(condition, text)
    if len(flat) <= room:
        return [flat]
    first, *rest = _broken(condition, text, room - len(head))
    return [head + first, *(" " * len(head) + line for line in rest)]


def list_lines(head: str, items: syntax.WordList, text: str, room: int) -> list[str]:
    """``head`` and the list. A list that does not fit is wrapped."""
    words = [word_text(word, text) for word in items.words]
    flat = f"{head}({', '.join(words)})"
    return [flat] if len(flat) <= room else [f"{head}(", *_filled(words, room), ")"]


def word_text(word: syntax.Word, text: str) -> str:
    """A value as written."""
    return string_text(word, text) if word.quoted else word.text


def string_text(word: syntax.Word, text: str) -> str:
    """A string in double quotes, unless it would then need an escape."""
    written = text[word.span.start : word.span.end]
    inner = written[1:-1]
    return f'"{inner}"' if written[:1] == "'" and '"' not in inner and "\\" not in inner else written


def _filled(words: Sequence[str], room: int) -> list[str]:
    lines, line = list[str](), ""
    for number, word in enumerate(words):
        piece = word + ("," if number < len(words) - 1 else "")
        if line and len(_STEP) + len(line) + 1 + len(piece) > room:
            lines.append(_STEP + line)
            line = ""
        line = f"{line} {piece}" if line else piece
    return [*lines, _STEP + line]


def _flat(condition: syntax.ConditionNode, text: str) -> str:
    match condition:
        case syntax.Conjunction():
            return " and ".join(_flat(each, text) for each in condition.conditions)
        case syntax.Disjunction():
            return " or ".join(_flat(each, text) for each in condition.conditions)
        case syntax.Negation():
            return f"not {_flat(condition.condition, text)}"
        case syntax.Parenthesized():
            return f"({_flat(condition.condition, text)})"
        case syntax.MacroUse():
            return condition.name
        case syntax.Existence():
            return f"{_operand(condition.left, text)} exists"
        case syntax.Comparison():
            return _comparison_head(condition, text) + _right(condition.right, text)


def _comparison_head(condition: syntax.Comparison, text: str) -> str:
    quantifier = "" if condition.quantifier is None else f"{condition.quantifier.text} "
    operator = "=" if condition.operator.text == "==" else condition.operator.text
    return f"{_operand(condition.left, text)} {operator} {quantifier}"


def _right(right: syntax.RightOperand, text: str) -> str:
    match right:
        case syntax.WordList():
            return f"({', '.join(word_text(word, text) for word in right.words)})"
        case syntax.Word():
            return word_text(right, text)
        case syntax.Transform():
            return _operand(right, text)


def _operand(operand: syntax.CallArgument, text: str) -> str:
    match operand:
        case syntax.FieldName():
            return operand.text
        case syntax.Word():
            return word_text(operand, text)
        case syntax.Transform():
            selector = "" if operand.selector is None else f"[{operand.selector}]"
            return f"{operand.name.text}({', '.join(_operand(each, text) for each in operand.arguments)}){selector}"
        case syntax.Arguments():
            return f"({', '.join(_operand(each, text) for each in operand.items)})"


def _broken(condition: syntax.ConditionNode, text: str, room: int) -> list[str]:
    """The condition, broken into several lines if it does not fit."""
    flat = _flat(condition, text)
    if len(flat) <= room:
        return [flat]
    match condition:
        case syntax.Conjunction():
            return _joined("and", condition.conditions, text, room)
        case syntax.Disjunction():
            return _joined("or", condition.conditions, text, room)
        case syntax.Negation():
            return _hung("not ", _broken(condition.condition, text, room - 4))
        case syntax.Parenthesized():
            lines = _hung("(", _broken(condition.condition, text, room - 2))
            return [*lines[:-1], lines[-1] + ")"]
        case syntax.Comparison(right=syntax.WordList() as items):
            return list_lines(_comparison_head(condition, text), items, text, room)
        case _:
            return [flat]


def _joined(word: str, conditions: Sequence[syntax.ConditionNode], text: str, room: int) -> list[str]:
    lines = _broken(conditions[0], text, room)
    for each in conditions[1:]:
        lines += _hung(f"{word} ", _broken(each, text, room - len(word) - 1))
    return lines


def _hung(head: str, lines: Sequence[str]) -> list[str]:
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]
