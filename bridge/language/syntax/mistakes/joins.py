"""Clauses that relate alerts or times in other words: ``followed by``, ``outside office``, ``to X in 15m``."""

from __future__ import annotations

import re

from bridge.language.program.fields.kinds import field_kind
from bridge.language.syntax.mistakes.amounts import find_amount
from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.mistakes.synonyms import current_clause
from bridge.language.syntax.mistakes.words import CHANNEL_LIST
from bridge.language.syntax.reserved import CLAUSES, RESERVED

_FOLLOWED = re.compile(r"(?:followed\s+by|followed_by|and\s+then|later)\b\s*")
_ESCALATION = re.compile(
    r"(?:(?:if|when|unless)\s+(?:not\s+|un)?(?:acked|acknowledged|ack|answered|resolved|acknowledgement)\s+)?"
    r"(?:after|in|within|delay|wait|delayed)\s+"
)
_OUTSIDE = re.compile(r"(outside(?:\s+of)?|except\s+during|not\s+in|not\s+within|excluding)\s+([a-z_]\w*)(?=\s|\}|$)")
_INSIDE = re.compile(r"(inside|while|only\s+during|whenever|schedule)\s+([a-z_]\w*)(?=\s|\}|$)")
_TIMES = re.compile(
    r"(?:from|between|at|on|only)?\s*(?:weekdays?|weekends?|business\s+hours|office\s+hours|\d{1,2}:\d\d|\d{1,2}\s*[ap]m)\b"
)
_KEYS = re.compile(r"[(\[]\s*([\w.]+(?:\s*,\s*[\w.]+)*)\s*[)\]]")
_ARROW = re.compile(r"[-=]>\s*(?=[\w.-]+)")
_THEN_NAME = re.compile(r"\bthen\s+(\w[\w.-]*)$")
_WITH_FIELD = re.compile(r"\bwith\s+([a-z_][\w.\[\]]*)\s*(?==)")
_SCHEDULE = "define `schedule office = mon-fri 09:00-18:00`, then write `during office`"


def joins(context: Context) -> Remedy | None:
    """One of these forms."""
    for rule in (
        _arrow,
        _followed,
        _escalation,
        _schedules,
        _keys,
        _with_without_name,
        _within,
        _then_channel,
        _with_severity,
    ):
        remedy = rule(context)
        if remedy is not None:
            return remedy
    return None


def _write(context: Context, text: str, end: int, *, certain: bool = False) -> Remedy:
    return Remedy(f"write `{text.strip()}`", Edit(context.start, end, text), certain, place=(context.start, end))


def _arrow(context: Context) -> Remedy | None:
    found = _ARROW.match(context.rest_of_line) if context.wants_clause else None
    if found is not None and re.match(r"[\d.]+\b", context.rest_of_line[found.end() :]) is None:
        return _write(context, "to ", context.start + found.end())
    return None


def _followed(context: Context) -> Remedy | None:
    found = _FOLLOWED.match(context.rest_of_line) if context.wants_clause and context.ends_condition else None
    return None if found is None else _write(context, "then ", context.start + found.end(), certain=True)


def _escalation(context: Context) -> Remedy | None:
    """``to oncall in 15m``, ``to oncall if not acknowledged after 15m``."""
    if not context.wants_clause or CHANNEL_LIST.search(context.before) is None:
        return None
    found = _ESCALATION.match(context.rest_of_line)
    amount = None if found is None else find_amount(context.text, context.start + found.end())
    if amount is None:
        return None
    end = amount[1]
    acked = re.match(r"\s+(?:if|unless)\s+(?:not\s+|un)?(?:acked|acknowledged|ack)\b", context.text[end : end + 40])
    return _write(context, f"after {amount[0]}", end + (acked.end() if acked else 0), certain=True)


def _schedules(context: Context) -> Remedy | None:
    if not context.wants_clause:
        return None
    for pattern, words in ((_OUTSIDE, "not during"), (_INSIDE, "during")):
        found = pattern.match(context.rest_of_line)
        if found is not None and found[2] not in RESERVED:
            return _write(context, f"{words} {found[2]}", context.start + found.end())
    found = _TIMES.match(context.rest_of_line)
    return None if found is None else Remedy(_SCHEDULE, place=(context.start, context.start + found.end()))


def _keys(context: Context) -> Remedy | None:
    """``by (hostname, rule)``, ``by hostname and rule``."""
    listed = (
        _KEYS.match(context.rest_of_line) if "FIELD" in context.expected and context.before.endswith("by") else None
    )
    if listed is not None:
        return _write(context, listed[1], context.start + listed.end(), certain=True)
    between = context.wants_clause and context.found in {"and", "&", "+"}
    joined = between and re.search(r"\bby\s+[\w., ]+$", context.before)
    if joined and current_clause(context) in {"throttle", "after", "new", "absent", "group", "then", "unless", "with"}:
        return Remedy("separate fields with `,`", Edit(context.before_end, context.end, ","), certain=True)
    return None


def _with_without_name(context: Context) -> Remedy | None:
    """``with rule = b``, ``with proc.name = b within 5m by container.id``."""
    if current_clause(context) != "with":
        return None
    begin = context.text.rfind("with", 0, context.start)
    found = _WITH_FIELD.match(context.text, begin)
    if found is None or field_kind(found[1]) is None:
        return None
    place = found.span(1)
    hint = "give the other alert a name, such as: with other = CONDITION within 5m by container.id"
    return Remedy(hint, Edit(place[0], place[0], "other = "), message="the alert in `with` has no name", place=place)


def _within(context: Context) -> Remedy | None:
    """A missing period or key of ``then``, ``unless`` and ``with``."""
    if "WITHIN" in context.expected and context.found == "by":
        return context.insert("within 5m ", "missing the period before it: within 5m")
    if context.expected == {"BY"} and (context.found in CLAUSES or context.found in {"}", ""}):
        edit = Edit(context.before_end, context.before_end, " by container.id")
        hint = "add the fields that the alerts have in common, such as: by container.id"
        place = (context.before_end - 1, context.before_end)
        return Remedy(hint, edit, message=f"`{current_clause(context)}` has no `by`", place=place)
    return None


def _then_channel(context: Context) -> Remedy | None:
    """``then pager``."""
    found = _THEN_NAME.search(context.before) if "WITHIN" in context.expected and context.found in {"}", ""} else None
    if found is None or field_kind(found[1]) is not None:
        return None
    start = context.offset(found)
    return Remedy(f"to notify a channel write `to {found[1]}`", Edit(start, start + len("then"), "to"),
                  place=(start, context.before_end))  # fmt: skip


def _with_severity(context: Context) -> Remedy | None:
    """``with severity critical``."""
    found = re.search(r"\bwith\s+(severity|title|message)$", context.before) if context.expected == {"EQ"} else None
    if found is None or context.found == "=":
        return None
    start = context.offset(found)
    return Remedy("remove `with`", Edit(start, context.offset(found, 1), ""), certain=True, place=(start, start + 4))
