"""Lists of channels in other forms."""

from __future__ import annotations

import re

from bridge.common.suggest import nearest
from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.mistakes.words import CHANNEL_LIST
from bridge.language.syntax.reserved import CLAUSES, RESERVED

_BRACKETS = re.compile(r"\[([^\]\n]*)\]")
_FOLLOWING = re.compile(r";\s*([\w.-]+)")
_VALUE_AFTER = re.compile(r"[\w-]+[ \t]*[:=\"]|[\w-]+[ \t]+[\d\"]")
"""A word with a value: a clause of another tool, and no channel."""


def punctuation(context: Context) -> Remedy | None:
    """Channels in brackets, with an ``@``, or separated by a semicolon."""
    listed = _BRACKETS.match(context.rest_of_line) if context.expected == {"CHANNEL"} else None
    if listed is not None:
        end = context.start + listed.end()
        edit = Edit(context.start, end, listed[1].strip())
        return Remedy("write channels without brackets", edit, certain=True, place=(context.start, end))
    if context.found == "@" and context.expected == {"CHANNEL"}:
        edit = Edit(context.start, context.end, "")
        return Remedy("remove `@`: channels are names of the config", edit, certain=True)
    following = _FOLLOWING.match(context.rest_of_line)
    if following is not None and CHANNEL_LIST.search(context.before) and following[1] not in RESERVED:
        return Remedy("separate channels with `,`", Edit(context.start, context.end, ","), certain=True)
    return None


def channels(context: Context) -> Remedy | None:
    """Several channels without commas, or with `and`."""
    if not context.wants_clause or context.found in RESERVED - {"and", "or"}:
        return None
    if CHANNEL_LIST.search(context.before) is None or not context.line_before.strip():
        return None
    if context.found in {"and", "or", "&&", "||", "|", "+", "&", "/"}:
        edit = Edit(context.before_end, context.end, ",")
        return Remedy("separate channels with `,`", edit, certain=True)
    repeated = re.search(r",\s*(to)$", context.before)
    if repeated is not None:
        start = context.offset(repeated, 1)
        return Remedy("remove the second `to`", Edit(start, context.start, ""), certain=True, place=(start, start + 2))
    if _VALUE_AFTER.match(context.rest_of_line) or context.found[0].isdigit():
        return None
    if re.fullmatch(r"\w[\w.-]*", context.found) and nearest(context.found, CLAUSES) is None:
        edit = Edit(context.before_end, context.before_end, ",")
        return Remedy("separate channels with `,`; or a misspelt clause?", edit)
    return None
