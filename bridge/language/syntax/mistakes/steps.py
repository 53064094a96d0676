"""The steps of a test in the words of other tools."""

from __future__ import annotations

import re

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy

_WORDS = {
    "assert": "expect", "should": "expect", "want": "expect", "check": "expect", "verify": "expect", "then": "expect",
    "wait": "after", "sleep": "after", "advance": "after", "pause": "after", "elapse": "after", "send": "event",
    "alert": "event", "given": "event", "input": "event", "fire": "event", "when": "event", "acknowledge": "ack",
    "mute": "silence",
}  # fmt: skip
_COUNT = re.compile(r"(once|twice|thrice)\b|(?:exactly\s+|times\s+|x\s?)(\d+)\b|(\d+)\s*(?:x|times|messages?)\b")
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_LATE_TO = re.compile(r"to\s+([\w.-]+(?:\s*,\s*[\w.-]+)*)")
_COUNTED = re.compile(r"\b(count\s+\d+)$")
_MESSAGE = re.compile(
    r"(?:with\s+)?(?:message|text|body|title)?\s*(?:includes?|has|matches|with|contain(?:s|ing)?|like|=)?\s*(?=\")"
)
_NO_ALERTS = re.compile(
    r"(?:(?:none|no_alerts|nil|silence|zero|empty)\b|no\s+(?:alerts?|notifications?|messages?|routes?)\b)"
)


def steps(context: Context) -> Remedy | None:
    """A word of another tool in a test."""
    if context.expected == {"STRING", "NOT", "NOTHING"}:
        return _expected(context)
    if context.expected == {"CONTAINS"}:
        skipped = re.match(r"(?:==?|:|is|equals|has|includes|matches|like)\s*", context.rest_of_line)
        if skipped is not None or context.found in "\"'":
            end = context.start + (skipped.end() if skipped is not None else 0)
            return Remedy("write `message contains`", Edit(context.start, end, "contains "), certain=True)
        return None
    bare = re.match(r"(.+?)\s*(?=\bexpect\b|\}|$)", context.rest_of_line) if context.expected == {"LBRACE"} else None
    if bare is not None and context.before.endswith("event"):
        end = context.start + bare.end(1)
        return Remedy(f"write `event {{ {bare[1]} }}`", Edit(context.start, end, f"{{ {bare[1]} }}"),
                      place=(context.start, end))  # fmt: skip
    if not {"EVENT", "EXPECT"} <= context.expected:
        return None
    count = _COUNT.match(context.rest_of_line) if "COUNT_WORD" in context.expected else None
    if count is not None:
        text = f"count {_TIMES.get(count[1] or '') or count[2] or count[3]}"
        end = context.start + count.end()
        return Remedy(f"write `{text}`", Edit(context.start, end, text), certain=True, place=(context.start, end))
    late, counted = _LATE_TO.match(context.rest_of_line), _COUNTED.search(context.before)
    if late is not None and counted is not None:
        start, end = context.offset(counted), context.start + late.end()
        text = f"to {late[1]} {counted[1]}"
        return Remedy(f"write `to` first: {text}", Edit(start, end, text), certain=True, place=(start, end))
    if "TO" in context.expected and context.found in {
        "in",
        "on",
        "via",
        "at",
        "through",
        "channel",
        "channels",
        "sent",
    }:
        skipped = re.match(r"(?:sent\s+)?(?:in|on|via|at|through|channels?|to)\b", context.rest_of_line)
        end = context.start + (len(skipped[0]) if skipped is not None else len(context.found))
        return Remedy("write `to`", Edit(context.start, end, "to"), certain=True)
    message = _MESSAGE.match(context.rest_of_line) if "MESSAGE" in context.expected else None
    if message is not None and message[0].strip():
        end = context.start + message.end()
        return Remedy(
            "write `message contains`", Edit(context.start, end, "message contains "), place=(context.start, end)
        )
    found = _WORDS.get(context.found.lower())
    return None if found is None else context.replace(found)


def _expected(context: Context) -> Remedy | None:
    """What follows ``expect``."""
    if context.found == "to":
        return Remedy('name the route before it: expect "ROUTE" to CHANNEL')
    if context.found in {"route", "alert"}:
        end = context.end + (context.text[context.end : context.end + 1] == " ")
        return Remedy(f"remove `{context.found}`", Edit(context.start, end, ""), certain=True)
    if context.found in {"no", "never"} and re.match(r"\w+\s*(?:route\s+)?[\"']", context.rest_of_line):
        return context.replace("not")
    none = _NO_ALERTS.match(context.rest_of_line)
    if none is not None:
        end = context.start + none.end()
        return Remedy("write `nothing`", Edit(context.start, end, "nothing"), certain=True, place=(context.start, end))
    return None
