"""Clauses in the words of other tools: limits, digests, escalations, exclusions."""

from __future__ import annotations

import re

from bridge.alert import parse_priority
from bridge.language.syntax.mistakes.amounts import find_amount, find_period
from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.reserved import CLAUSES

_FIELD = r"[A-Za-z]\w*(?:\.[\w-]+)*(?:\[[^\]\s]*\])?"
_CLAUSE = re.compile(
    rf"\b({'|'.join(each for each in CLAUSES if each != 'after')}|after(?=\s+\d+\s+(?:in|distinct)\b))\b"
)
_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'")
_LIMIT = re.compile(
    r"(?:every|cooldown|cool_down|silence|mute|suppress|debounce|dedup|dedupe|deduplicate|rate|ratelimit|rate_limit|rate-limit"
    r"|limit|repeat_interval|repeat|interval|at\s+most|max|maximum|up\s+to"
    r"|no\s+more\s+than)\b[\s:=]*(?:(?:for|every|to)\s+)?"
    r"(?:(once|\d+)\s*(?:times\s*)?(?:/|per\b|every\b|in\b|within\b)\s*)?",
    re.IGNORECASE,
)
_ONCE = re.compile(r"once\s+(?:per|every|in|a|an)\s+", re.IGNORECASE)
_ONLY_ONCE = re.compile(r"(?:only\s+)?once\s*(?:\}|$)")
_DIGEST = re.compile(
    r"(?:digest|batch|aggregate|summary|summarize|summarise|bundle|window|group_interval|group_wait|collect)\b[\s:=]*"
    r"(?:(?:for|every|over|in)\s+)?",
    re.IGNORECASE,
)
_GROUP_BY = re.compile(
    r"(?:groupby|group_by|group-by|aggregate\s+by|digest\s+by|batch\s+by|dedup\s+by|group)\b[\s:=]*(?=[\w\[(])"
)
_GROUP_PERIOD = re.compile(r"(?:for|window|interval|over|within|in|per|during|group_interval|repeat)\b[\s:=]*")
_PER_FIELD = re.compile(rf"(?:per|for\s+each|foreach|for|each|on|grouped\s+by|keyed\s+by|using)\s+(?={_FIELD})")
_PERIOD = re.compile(r"(for|in|over|during|per|every|after|since|before)\s+(?:the\s+last\s+|last\s+)?")
_EARLY = re.compile(r"\b(then|then\s+not|unless)\s+(within)$")
_ESCALATE = re.compile(r"escalate(?:\s+to)?\s+(?=[\w.-]+(?:\s*,\s*[\w.-]+)*\s+after\b)")
_ESCALATE_AFTER = re.compile(
    r"(?:escalate\s+)?after\s+(\S+)\s+(?:escalate\s+)?(to|notify)\s+([\w.-]+(?:\s*,\s*[\w.-]+)*)"
)
_AT_SEVERITY = re.compile(r"(?:at|as|with|with\s+severity|of\s+severity|severity\s+is)\s+([a-z]+)\b", re.IGNORECASE)
_RESOLVE = re.compile(
    r"(?:auto_?resolve|autoresolve|resolves?|resolve_timeout|close|closes|expires?|ttl)\b[\s:=]*(?:after|in)?\s*"
)
_PART = re.compile(r"(wait|every|limit)\s+(\w+)")
_GROUP_PARTS = re.compile(r"((?:(?:wait|every|limit)\s+\w+\s*)+)$")
_LATE_PART = re.compile(r"(?:wait|every|limit)\s+\w+(?:\s+(?:wait|every|limit)\s+\w+)*")
_EXCEPT = re.compile(
    r"(?:except(?!\s+during)(?:\s+(?:when|if|where))?|excluding|but\s+not|and_not|andnot|minus|without)\b(?=\s)"
)
_CONTINUE = re.compile(r"continue\b(?:\s*[:=]?\s*(true|false|yes|no|on|off)\b)?", re.IGNORECASE)
_ENABLED = re.compile(
    r"(enabled|enable|active|disabled|disable)\b(?:\s*[:=]?\s*(true|false|yes|no|on|off)\b)?", re.IGNORECASE
)
_OFF = frozenset({"false", "no", "off"})
_STOPS = frozenset({"break", "return", "final", "last", "exit", "halt", "end"})
_WORDS = {
    "match": "when", "matches": "when", "filter": "when", "expr": "when", "expression": "when", "query": "when",
    "on": "when", "receiver": "to", "receivers": "to", "output": "to", "outputs": "to",
    "target": "to", "targets": "to", "destination": "to", "destinations": "to", "dest": "to", "action": "to",
    "actions": "to", "via": "to", "deliver": "to", "forward": "to", "page": "to", "suppress": "drop", "mute": "drop",
    "skip": "drop", "exclude": "drop", "reject": "drop", "silent": "drop", "description": "message",
    "summary": "title", "details": "message", "msg": "message", "format": "message", "headline": "title",
    "template": "use", "name": "title", "prio": "severity", "urgency": "severity", "not_during": "not during",
    "unique": "new", "first": "new", "followed_by": "then", "count": "after",
}  # fmt: skip
"""Words of other tools that are used less often than those of ``words.py``."""
_COUNTED = re.compile(
    r"after\s+(\d+)(?:\s+|(?=/))(?:times|x|events?|alerts?|matches|occurrences|hits)?\s*(?:in|within|per|over|for|every|/)?\s*"
)
_COMPARED = re.compile(r"\w+\s*(?:==?|!=|<|>|(?:in|contains|icontains|startswith|endswith|exists|regex|glob)\b)")
"""An attribute of the alert in a condition, not a clause."""
_UNQUOTED = re.compile(r"(?:==?|!=|\b(?:contains|icontains|startswith|endswith|glob|iglob|regex))\s*[^\s()\"'{}=,]+$")


def clause_words(context: Context) -> Remedy | None:
    """A word of another tool where a clause may begin."""
    if not context.wants_clause:
        return None
    for rule in (_exclusion, _escalation, _key, _group_order, _group_period, _limit, _digest, _severity, _resolution):
        remedy = rule(context)
        if remedy is not None:
            return remedy
    return None if _in_value(context) else _flow(context) or _word(context)


def use_template(context: Context) -> Remedy | None:
    """``use template who``."""
    found = re.search(r"\buse\s+(template)$", context.before) if context.wants_clause else None
    if found is None or not re.match(r"\w+", context.found):
        return None
    start = context.offset(found, 1)
    return Remedy(
        "remove `template`", Edit(start, context.start, ""), certain=True, place=(start, start + len(found[1]))
    )


def counted_after(context: Context) -> Remedy | None:
    """``after 5 within 5m``, ``after 5 times in 5m``."""
    if context.found != "after" or (not context.wants_clause and "AFTER_COUNT" not in context.expected):
        return None
    found = _COUNTED.match(context.rest_of_line)
    period = None if found is None else find_period(context.text, context.start + found.end())
    if found is None or period is None:
        return None
    text = f"after {found[1]} in {period[0]}"
    return _write(context, text, period[1])


def period_words(context: Context) -> Remedy | None:
    """``then CONDITION in 5m``, and ``for 5m`` after a condition."""
    found = _PERIOD.match(context.rest_of_line)
    amount = None if found is None else find_amount(context.text, context.start + found.end())
    if found is None or amount is None:
        if "WORD_OPERATOR" in context.expected and (early := _EARLY.search(context.before)) is not None:
            start = context.offset(early, 2)
            return Remedy(f"the condition comes first: {early[1]} CONDITION within 5m by FIELD",
                          place=(start, context.before_end))  # fmt: skip
        return None
    if "WITHIN" in context.expected:
        return _write(context, f"within {amount[0]}", amount[1], certain=True)
    if context.wants_clause and found[1] == "for" and current_clause(context) == "when":
        return Remedy(f"a condition is about one alert; for repeated alerts add the clause: after 5 in {amount[0]}",
                      place=(context.start, amount[1]))  # fmt: skip
    return None


def current_clause(context: Context) -> str:
    """The keyword of the clause in which the error is, or an empty string."""
    before = _TEXT.sub(lambda match: "_" * len(match[0]), context.before)
    found = [match[1] for match in _CLAUSE.finditer(before)]
    return found[-1] if found else ""


def _write(context: Context, text: str, end: int, *, certain: bool = False) -> Remedy:
    return Remedy(f"write `{text.strip()}`", Edit(context.start, end, text), certain, place=(context.start, end))


def _in_value(context: Context) -> bool:
    """Whether the word more likely belongs to a value without quotes: it follows one on the same line."""
    follows = (
        bool(context.line_before.strip()) and context.ends_condition and _UNQUOTED.search(context.before) is not None
    )
    return follows and _EXCEPT.match(context.rest_of_line) is None


def _severity(context: Context) -> Remedy | None:
    """``at critical``, ``with severity critical``."""
    found = _AT_SEVERITY.match(context.rest_of_line)
    if found is None or parse_priority(found[1]) is None:
        return None
    return _write(context, f"severity {found[1]}", context.start + found.end(), certain=True)


def _resolution(context: Context) -> Remedy | None:
    """``auto_resolve 1h``."""
    found = _RESOLVE.match(context.rest_of_line)
    amount = None if found is None else find_amount(context.text, context.start + found.end())
    return None if amount is None else _write(context, f"resolve after {amount[0]}", amount[1])


def _group_order(context: Context) -> Remedy | None:
    """``group by FIELD limit 10 every 5m``: the parts have a fixed order."""
    parts = _GROUP_PARTS.search(context.before) if current_clause(context) == "group" else None
    late = _LATE_PART.match(context.rest_of_line) if parts is not None else None
    if parts is None or late is None:
        return None
    values = dict(_PART.findall(f"{parts[1]} {late[0]}"))
    text = " ".join(f"{name} {values[name]}" for name in ("wait", "every", "limit") if name in values)
    start, end = context.offset(parts, 1), context.start + late.end()
    return Remedy(
        f"write `{text}`: the parts have this order", Edit(start, end, text), certain=True, place=(start, end)
    )


def _exclusion(context: Context) -> Remedy | None:
    found = _EXCEPT.match(context.rest_of_line) if context.ends_condition else None
    return None if found is None else _write(context, "and not", context.start + found.end(), certain=True)


def _escalation(context: Context) -> Remedy | None:
    found = _ESCALATE.match(context.rest_of_line)
    if found is not None:
        return _write(context, "to ", context.start + found.end(), certain=True)
    found = _ESCALATE_AFTER.match(context.rest_of_line)
    amount = None if found is None else find_amount(found[1], 0)
    if found is None or amount is None:
        return None
    return _write(context, f"to {found[3]} after {amount[0]}", context.start + found.end(), certain=True)


def _key(context: Context) -> Remedy | None:
    """``throttle 1 per 10m per k8s.pod.name``."""
    found = _PER_FIELD.match(context.rest_of_line)
    if found is None or current_clause(context) not in {"throttle", "after", "new", "absent", "group"}:
        return None
    if find_amount(context.text, context.start + found.end()) is not None:
        return None
    return _write(
        context, "by ", context.start + found.end(), certain=found[0].startswith(("per", "for each", "foreach"))
    )


def _group_period(context: Context) -> Remedy | None:
    """``group by FIELD for 5m``."""
    found = _GROUP_PERIOD.match(context.rest_of_line) if current_clause(context) == "group" else None
    amount = None if found is None else find_amount(context.text, context.start + found.end())
    return None if amount is None else _write(context, f"every {amount[0]}", amount[1])


def _limit(context: Context) -> Remedy | None:
    if _ONLY_ONCE.match(context.rest_of_line):
        return Remedy("say how often: throttle 1 per 1h")
    found = _ONCE.match(context.rest_of_line)
    count = "1"
    if found is None:
        found = _LIMIT.match(context.rest_of_line)
        count = found[1] or "1" if found is not None else count
    if found is None:
        return None
    period = find_period(context.text, context.start + found.end())
    if period is None:
        belongs = context.found if context.found in {"every", "limit"} else ""
        return (
            Remedy(f"`{belongs}` belongs to `group by FIELDS`; to limit notifications: throttle 3 per 10m")
            if belongs
            else None
        )
    number = "1" if count.lower() == "once" else count
    return _write(context, f"throttle {number} per {period[0]}", period[1])


def _digest(context: Context) -> Remedy | None:
    found = _GROUP_BY.match(context.rest_of_line)
    if found is not None and not re.match(r"group\s+by\b", context.rest_of_line):
        return _write(context, "group by ", context.start + found.end(), certain=True)
    found = _DIGEST.match(context.rest_of_line)
    amount = None if found is None else find_amount(context.text, context.start + found.end())
    return None if amount is None else _write(context, f"group by rule every {amount[0]}", amount[1])


def _flow(context: Context) -> Remedy | None:
    """``continue``, ``break``, ``enabled: true``."""
    found = _CONTINUE.match(context.rest_of_line)
    if found is not None:
        end = context.start + found.end()
        if (found[1] or "").lower() in _OFF:
            return _write(context, "stop", end, certain=True)
        return Remedy("remove it: later routes see the alert unless this one has `stop`",
                      Edit(context.start, end, ""), certain=True, place=(context.start, end))  # fmt: skip
    found = _ENABLED.match(context.rest_of_line)
    if found is not None:
        end = context.start + found.end()
        disabled = found[1].lower().startswith("disable") != ((found[2] or "").lower() in _OFF)
        if disabled:
            return Remedy(
                "routes are always active: to disable one, comment it out with `#`", place=(context.start, end)
            )
        return Remedy("remove it: routes are always active", Edit(context.start, end, ""), place=(context.start, end))
    if context.found.lower() in _STOPS:
        return context.replace("stop")
    return None


def _word(context: Context) -> Remedy | None:
    found = None if _COMPARED.match(context.rest_of_line) else _WORDS.get(context.found.lower())
    return None if found is None else context.replace(found, certain=False)
