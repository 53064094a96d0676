"""The rules whose alerts a condition can get: Falco's, or that of the bridge's own alerts of terminal commands."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.alert.catalogue import OWN_FIELDS, catalogue
from bridge.alert.command import COMMAND_PLACES, COMMAND_RULE, COMMAND_SHELL, COMMAND_SOURCE, COMMAND_TAGS
from bridge.alert.priority import Priority
from bridge.language.falco.rules import FalcoRule
from bridge.language.program.condition import Condition
from bridge.matching.analysis.reach import reaching_condition
from bridge.matching.normal import fields_of


def rules_for(condition: Condition | None, rules: Sequence[FalcoRule]) -> Sequence[FalcoRule]:
    """The rules to judge the condition by. Empty if Falco's rules are not known.

    A condition that reads fields of commands, or that no rule of Falco can meet, is about commands.
    """
    if condition is None or not rules:
        return rules
    if any(name.startswith(OWN_FIELDS) for name in fields_of(condition)) or not reaching_condition(condition, rules):
        return (_command_rule(),)
    return rules


def _command_rule() -> FalcoRule:
    """The rule of terminal commands. They have the place and user fields that the terminal rules output."""
    prefixes = (*OWN_FIELDS, *COMMAND_PLACES)
    fields = frozenset(name for name in catalogue() if name.startswith(prefixes) or name in COMMAND_SHELL)
    return FalcoRule(COMMAND_RULE, COMMAND_SOURCE, Priority.INFORMATIONAL, COMMAND_TAGS, fields)
