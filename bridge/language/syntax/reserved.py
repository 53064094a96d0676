"""The words of the language, which name no list, macro, schedule or template. As values they are free."""

from __future__ import annotations

from bridge.language.program.condition import Operator, Quantifier
from bridge.language.program.kinds import ATTRIBUTES

STATEMENTS = (
    "import", "list", "macro", "schedule", "template", "redact", "where", "route", "otherwise", "test",
)  # fmt: skip
CLAUSES = (
    "when", "during", "new", "after", "then", "absent", "group", "throttle", "to", "severity", "title", "message",
    "use", "resolve", "drop", "stop",
)  # fmt: skip
STEPS = ("event", "after", "ack", "silence", "expect")
SMALL = (
    "and", "or", "not", "exists", "falco", "matching", "with", "by", "learn", "within", "wait", "every", "limit", "per",
    "for", "nothing", "count", "true", "false",
)  # fmt: skip

RESERVED = frozenset((*STATEMENTS, *CLAUSES, *STEPS, *SMALL, *Operator, *Quantifier, *ATTRIBUTES))
