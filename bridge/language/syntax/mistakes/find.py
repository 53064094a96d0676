"""Finds the likely fix of a syntax error."""

from __future__ import annotations

from bridge.language.syntax.mistakes import (
    brackets,
    comments,
    comparisons,
    conditions,
    definitions,
    destinations,
    forms,
    joins,
    literals,
    steps,
    structure,
    synonyms,
    words,
)
from bridge.language.syntax.mistakes.remedy import Context, Remedy

_AT_END = (brackets.unclosed_parenthesis, brackets.unclosed_brace)
_RULES = (
    words.pasted_rule,
    words.pasted_yaml,
    words.pasted_alert,
    brackets.unclosed_event,
    conditions.null_words,
    comments.comments,
    steps.steps,
    definitions.definitions,
    definitions.schedule_parts,
    synonyms.use_template,
    synonyms.counted_after,
    synonyms.period_words,
    comparisons.comparisons,
    comparisons.not_during,
    joins.joins,
    destinations.punctuation,
    words.punctuation,
    synonyms.clause_words,
    destinations.channels,
    words.other_words,
    conditions.marked_field,
    literals.texts,
    literals.quotes,
    literals.durations,
    conditions.odd_operators,
    conditions.negated_operator,
    conditions.lists,
    conditions.commas,
    brackets.unclosed_parenthesis,
    brackets.unclosed_brace,
    brackets.extra_bracket,
    conditions.missing_comma,
    conditions.cause_before,
    literals.schedules,
    words.unnamed_route,
    conditions.arguments,
    structure.structure,
    words.similar_word,
    words.missing_when,
    conditions.unquoted_value,
    forms.form,
)
"""The most specific first."""


def likely_fix(context: Context) -> Remedy | None:
    """The first remedy that fits, or None."""
    rules = _RULES if context.found else _AT_END
    return next((remedy for rule in rules if (remedy := rule(context)) is not None), None)
