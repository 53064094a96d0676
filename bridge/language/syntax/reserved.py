"""The reserved words: they cannot name lists, macros, schedules or templates, but can be values."""

from __future__ import annotations

from bridge.language.program.condition import Operator, Quantifier
from bridge.language.program.fields.kinds import ATTRIBUTES

STATEMENTS = (
    "import", "list", "macro", "schedule", "template", "redact", "table", "where", "route", "otherwise", "test",
)  # fmt: skip
CLAUSES = (
    "when", "during", "unless", "new", "after", "then", "absent", "with", "group", "throttle", "to", "fields",
    "link", "severity", "title", "message", "use", "resolve", "drop", "stop",
)  # fmt: skip
STEPS = ("event", "after", "ack", "resolve", "silence", "expect")
CONNECTIVES = (
    "and", "or", "not", "exists", "falco", "matching", "with", "by", "learn", "within", "wait", "every", "limit", "per",
    "for", "nothing", "count", "distinct", "else", "true", "false",
)  # fmt: skip

RESERVED = frozenset((*STATEMENTS, *CLAUSES, *STEPS, *CONNECTIVES, *Operator, *Quantifier, *ATTRIBUTES))
