"""Internal alerts are sent only to routes that test ``source`` for them."""

from __future__ import annotations

from bridge.alert import INTERNAL_SOURCE
from bridge.language.program.condition import All, Any, Compare, Condition, Exists, Field, Items, Literal, Not


def asks_for_internal(condition: Condition) -> bool:
    """Whether the condition compares ``source`` with ``internal``."""
    match condition:
        case All() | Any():
            return any(asks_for_internal(each) for each in condition.conditions)
        case Not():
            return asks_for_internal(condition.condition)
        case Exists():
            return False
        case Compare(left=Field(name="source"), right=Literal(text=text)):
            return text == INTERNAL_SOURCE
        case Compare(left=Field(name="source"), right=Items(values=values)):
            return any(literal.text == INTERNAL_SOURCE for literal in values)
        case _:
            return False
