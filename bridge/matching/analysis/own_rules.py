"""The rules whose alerts a program can get: Falco's, and that of the bridge's own alerts of terminal commands."""

from __future__ import annotations

from bridge.alert.catalogue import OWN_FIELDS, catalogue
from bridge.alert.command import COMMAND_PLACES, COMMAND_RULE, COMMAND_SHELL, COMMAND_SOURCE, COMMAND_TAGS
from bridge.alert.priority import Priority
from bridge.language.falco.rules import FalcoRule, FalcoRules


def known_rules(rules: FalcoRules | None) -> list[FalcoRule]:
    """Empty if Falco's rules are not known."""
    return [*rules.rules.values(), _command_rule()] if rules is not None and rules.rules else []


def _command_rule() -> FalcoRule:
    """The rule of terminal commands. They have the place and user fields that the terminal rules output."""
    prefixes = (*OWN_FIELDS, *COMMAND_PLACES)
    fields = frozenset(name for name in catalogue() if name.startswith(prefixes) or name in COMMAND_SHELL)
    return FalcoRule(COMMAND_RULE, COMMAND_SOURCE, Priority.INFORMATIONAL, COMMAND_TAGS, fields)
