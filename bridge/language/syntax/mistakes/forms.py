"""The form of the clause or statement with the error: what is shown where no mistake is recognized."""

from __future__ import annotations

import re

from bridge.language.syntax.mistakes.remedy import Context, Remedy
from bridge.language.syntax.mistakes.synonyms import current_clause

CLAUSE_FORMS = {
    "during": "during SCHEDULE", "new": "new FIELD in 30d by FIELD learn 1d", "after": "after 5 in 5m by FIELD",
    "unless": "unless CONDITION within 5m by FIELD", "then": "then CONDITION within 5m by FIELD",
    "absent": "absent 10m by FIELD", "with": "with NAME = CONDITION within 30s by FIELD",
    "group": "group by FIELD wait 30s every 5m limit 100", "throttle": "throttle 3 per 10m by FIELD",
    "to": "to CHANNEL, CHANNEL", "severity": "severity critical", "title": 'title "TEXT"', "message": 'message "TEXT"',
    "use": "use TEMPLATE", "resolve": "resolve after 24h",
}  # fmt: skip
"""How each clause is written, by its first word."""
STATEMENT_FORMS = {
    "import": 'import "FILE.route"', "list": "list NAME = (VALUE, VALUE)", "macro": "macro NAME = CONDITION",
    "schedule": 'schedule NAME = mon-fri 09:00-18:00 in "Europe/Berlin"', "template": 'template NAME { title "TEXT" }',
    "redact": 'redact FIELD matching "REGEX"', "where": "where CONDITION { … }",
    "route": 'route "NAME" { when CONDITION to CHANNEL }', "otherwise": "otherwise { to CHANNEL }",
    "test": 'test "NAME" { event { FIELD = VALUE } expect "ROUTE" to CHANNEL }',
}  # fmt: skip
"""How each statement is written, by its first word."""
_STATEMENT = re.compile(rf"(?:^|[{{}}\n])[ \t]*({'|'.join(STATEMENT_FORMS)})\b")
_STEPS = {"EVENT": "event { FIELD = VALUE }", "EXPECT": 'expect "ROUTE" to CHANNEL count 1'}


def form(context: Context) -> Remedy | None:
    """How the clause or statement is written."""
    if {"EVENT", "EXPECT"} <= context.expected:
        return Remedy(f"steps are written `{_STEPS['EVENT']}`, `after 15m` and `{_STEPS['EXPECT']}`")
    if context.wants_statement:
        return Remedy(f"routes are written `{STATEMENT_FORMS['route']}`")
    if {"FIELD", "NOT"} <= context.expected:
        return Remedy("conditions are written `FIELD = VALUE`, `FIELD contains VALUE` or `FIELD in (VALUE, VALUE)`")
    statement = [match[1] for match in _STATEMENT.finditer(context.before)][-1:]
    if statement in (["route"], ["where"]) and (written := CLAUSE_FORMS.get(current_clause(context))):
        return Remedy(f"`{current_clause(context)}` is written `{written}`")
    return Remedy(f"`{statement[0]}` is written `{STATEMENT_FORMS[statement[0]]}`") if statement else None
