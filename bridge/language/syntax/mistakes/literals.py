"""Quotes, durations, days and hours."""

from __future__ import annotations

import re

from bridge.common.suggest import nearest
from bridge.language.program.fields.kinds import field_kind
from bridge.language.syntax.mistakes.amounts import find_amount
from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy

_CLOSED = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_UNQUOTED = re.compile(r"""[^\s{}"':;]+""")
_BEFORE_AMOUNT = re.compile(r"(?:for|of|since|within|in|after|last|the\s+last|=|:)\s*")
_RATE = re.compile(r"/\s*(s|m|h|d|sec|min|second|minute|hour|day)\b", re.IGNORECASE)
_UNIT = re.compile(r"(second|minute|hour|day|week)s?\b")
_DAY_NAMES = {
    "monday": "mon", "tuesday": "tue", "wednesday": "wed", "thursday": "thu", "friday": "fri", "saturday": "sat",
    "sunday": "sun", "tues": "tue", "weds": "wed", "thur": "thu", "thurs": "thu",
}  # fmt: skip
_DAYS = {"weekdays": "mon-fri", "weekday": "mon-fri", "weekend": "sat, sun", "weekends": "sat, sun", "daily": "mon-sun",
         "everyday": "mon-sun"}  # fmt: skip
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_A_DAY = re.compile(rf"({_DAY})(?:(?:\s*(?:-|\u2013|to|\.\.)\s*)({_DAY}))?\b", re.IGNORECASE)
_JOINED_DAY = re.compile(rf"({_DAY})$", re.IGNORECASE)
_SECOND_DAY = re.compile(rf"(?:-|\u2013|to|\.\.)\s*({_DAY})\b", re.IGNORECASE)
_TIME = r"(\d{1,2})(?:[:.h]?(\d\d))?\s*(am|pm)?"
_HOURS = re.compile(rf"{_TIME}\s*(?:-|\u2013|to|\.\.)\s*{_TIME}(?![\w:])", re.IGNORECASE)
_SCHEDULE = "define `schedule office = mon-fri 09:00-18:00`, then write `during office`"
_AFTER_DURING = re.compile(r"\bduring(?:\s+\S*)?$")
_OPEN_TEXT = frozenset({"title", "message"})


def texts(context: Context) -> Remedy | None:
    """Texts that are joined with ``+``, in three quotes, or with an apostrophe."""
    if context.found in {"%", ","} and context.before.endswith('"') and re.match(r"[%,]\s*[(\w]", context.rest_of_line):
        return Remedy('write the fields in the text, such as "%rule on %hostname"')
    joined = re.match(r"[+.&]?\s*(\"(?:[^\"\\\n]|\\.)*\")", context.rest_of_line)
    if context.found in {"+", ".", "&"} and joined is not None and context.before.endswith('"'):
        start, end = context.before_end - 1, context.start + joined.end()
        edit = Edit(start, end, joined[1][1:])
        return Remedy("write one text: texts cannot be joined", edit, certain=True, place=(context.start, end))
    triple = re.match(r'"([^"\\]*)"""', context.rest_of_line) if context.before.endswith('""') else None
    if triple is not None:
        start, end = context.before_end - 2, context.start + triple.end()
        edit = Edit(start, end, f'"{triple[1].strip()}"')
        return Remedy("write one pair of quotes; a text may have several lines", edit, certain=True,
                      place=(start, end))  # fmt: skip
    line = context.line_before + context.rest_of_line
    apostrophe = re.search(r"'([^'\"\n]*)'$", context.line_before)
    last = line.rfind("'")
    if apostrophe is None or not context.found[:1].isalnum() or last < len(context.line_before) or '"' in line:
        return None
    start = context.start - len(context.line_before) + apostrophe.start()
    end = context.start + last - len(context.line_before) + 1
    text = f'"{context.text[start + 1 : end - 1]}"'
    return Remedy(f"write `{text}`", Edit(start, end, text), certain=True, place=(start, end))


def quotes(context: Context) -> Remedy | None:
    """Missing or unnecessary quotes."""
    if context.found and context.found[0] in "\"'":
        closed = _CLOSED.match(context.text, context.start)
        if closed is None:
            edit = Edit(context.start, context.end, "") if context.ends_condition else None
            return Remedy("remove it, or open the quotes before the value", edit, message="this quote closes nothing")
        if "NOT" in context.expected and "FIELD" in context.expected:
            return Remedy(f"write a comparison, such as `rule = {closed[0]}`", place=(context.start, closed.end()))
        if context.expected & {"CHANNEL", "NAME"} and not context.expected & {"LIST"}:
            name = closed[0][1:-1].lstrip("#@")
            if not re.fullmatch(r"\w[\w.-]*", name):
                return Remedy("write a name without quotes", place=(context.start, closed.end()))
            if name != closed[0][1:-1]:
                return Remedy(f"channels are names of the config: write `{name}`",
                              Edit(context.start, closed.end(), name), place=(context.start, closed.end()))  # fmt: skip
            edit = Edit(context.start, closed.end(), closed[0][1:-1])
            return Remedy("remove the quotes", edit, certain=re.fullmatch(r"[\w.-]+", closed[0][1:-1]) is not None)
        return None
    inside = _quote_inside(context)
    if inside is not None:
        return inside
    if "STRING" in context.expected and context.expected <= {"STRING", "FALCO", "NOT", "NOTHING"}:
        return _quoted(context)
    return None


def _quoted(context: Context) -> Remedy | None:
    """Words where a quoted string is required."""
    keyword = context.before.rsplit(None, 1)[-1] if context.before else ""
    if keyword in _OPEN_TEXT:
        text = re.split(r"\s*[}\"]", context.rest_of_line)[0].rstrip()
    else:
        found = _UNQUOTED.match(context.text, context.start)
        text = "" if found is None else found[0].rstrip(",")
    if keyword in _OPEN_TEXT and (prefix := re.match(r"[a-zA-Z]\"", context.rest_of_line)) is not None:
        return Remedy(f"remove `{prefix[0][0]}`: fields are written as %field", Edit(context.start, context.end, ""))
    if keyword in _OPEN_TEXT and field_kind(text) is not None:
        return Remedy(f'write `"%{text}"`', Edit(context.start, context.start + len(text), f'"%{text}"'))
    if not text or not re.match(r"[\w%./*(-]", text):
        return None
    edit = Edit(context.start, context.start + len(text), f'"{text}"')
    return Remedy(f'quote it: "{text}"', edit, certain=keyword not in _OPEN_TEXT and "\\" not in text)


def _quote_inside(context: Context) -> Remedy | None:
    """A word right after a closing quote: the quote is most likely part of the text."""
    line = context.line_before
    if not line.endswith('"') or not context.found[0].isalnum():
        return None
    first = line.find('"')
    rest = context.rest_of_line
    last = rest.rfind('"')
    if last < 0 or (line + rest).count('"') % 2:
        return None
    start = context.start - len(line) + first + 1
    end = context.start + last
    inner = context.text[start:end]
    if "\\" in inner:
        return None
    edit = Edit(start, end, inner.replace('"', '\\"'))
    return Remedy('write quotes inside a text as `\\"`', edit)


def durations(context: Context) -> Remedy | None:
    """Durations in words or without a unit, counts, and rates with a slash."""
    if context.expected == {"COUNT"} or "PER" in context.expected:
        return _counts(context)
    if context.expected != {"DURATION"}:
        return None
    skipped = _BEFORE_AMOUNT.match(context.rest_of_line)
    amount = find_amount(context.text, context.start + (0 if skipped is None else skipped.end()))
    if amount is not None:
        text, end = amount
        return Remedy(f"write `{text}`", Edit(context.start, end, text), certain=True, place=(context.start, end))
    unit_only = _UNIT.match(context.text, context.start)
    if unit_only is not None:
        text = f"1{unit_only[1][0]}"
        return Remedy(f"write `{text}`", Edit(context.start, unit_only.end(), text), certain=True)
    if context.found.isdigit():
        edit = Edit(context.start, context.end, f"{context.found}m")
        return Remedy(f"add a unit: {context.found}m, {context.found}h, {context.found}d", edit)
    return None


def _counts(context: Context) -> Remedy | None:
    """The count and the ``per`` of a ``throttle``."""
    if context.expected == {"COUNT"}:
        if re.match(r"-\s*\d", context.rest_of_line):
            return Remedy("write a whole number from 1")
        return Remedy("write a number first, such as: throttle 3 per 10m" if context.before.endswith("throttle")
                      else "write a number")  # fmt: skip
    decimal = re.match(r"\.\d+", context.rest_of_line)
    if decimal is not None:
        return Remedy("write a whole number from 1", Edit(context.start, context.start + decimal.end(), ""))
    rate = _RATE.match(context.rest_of_line)
    if rate is not None:
        edit = Edit(context.start, context.start + len(rate[0]), f" per 1{rate[1][0].lower()}")
        return Remedy("write `per`", edit, certain=True)
    if context.found == "/":
        return Remedy("write `per`", Edit(context.start, context.end, " per "), certain=True)
    if context.expected == {"PER"} and context.found in {"for", "in", "every"}:
        return context.replace("per")
    return None


def schedules(context: Context) -> Remedy | None:
    """Days and hours in other forms."""
    if _AFTER_DURING.search(context.before) and not context.found.isalpha():
        start = context.offset(_AFTER_DURING.search(context.before) or re.search("$", context.before)) + len("during")  # type: ignore[arg-type]
        start += len(context.text[start : context.end]) - len(context.text[start : context.end].lstrip())
        return Remedy(_SCHEDULE, place=(min(start, context.start), context.end))
    if context.expected == {"NAME"} and re.match(rf"{_DAY}-", context.found, re.IGNORECASE):
        return Remedy(_SCHEDULE)
    if not context.expected & {"DAYS", "HOURS"}:
        return None
    return _days(context) or _hours(context)


def _days(context: Context) -> Remedy | None:
    if context.found.lower() in _DAYS:
        return context.replace(_DAYS[context.found.lower()])
    joined = _JOINED_DAY.search(context.before)
    second = _SECOND_DAY.match(context.rest_of_line)
    if joined is not None and second is not None:
        text = f"{_short(joined[1])}-{_short(second[1])}"
        edit = Edit(context.offset(joined), context.start + second.end(), text)
        return Remedy(f"write `{text}`", edit, certain=True)
    found = _A_DAY.match(context.rest_of_line)
    if found is None or not all(_known(day) for day in found.groups() if day):
        return _misspelt_days(context)
    text = _short(found[1]) + (f"-{_short(found[2])}" if found[2] else "")
    return Remedy(f"write `{text}`", Edit(context.start, context.start + found.end(), text), certain=True,
                  place=(context.start, context.start + found.end()))  # fmt: skip


def _misspelt_days(context: Context) -> Remedy | None:
    """``mon-sum``, ``wde``: the days that are most similar."""
    start = context.start - len(re.search(r"[a-z]*-?$", context.line_before, re.IGNORECASE)[0])  # type: ignore[index]
    written = re.match(r"([a-z]+)(?:-([a-z]+))?\b", context.text[start:], re.IGNORECASE)
    continues = context.line_before.strip() or context.before.endswith((",", "="))  # not the next statement
    if written is None or not continues:
        return None
    words = [each for each in written.groups() if each]
    days, wrong = [_similar_day(each.lower()) for each in words], [each for each in words if not _is_day(each)]
    if None in days or not wrong:
        return None
    text, end = "-".join(filter(None, days)), start + written.end()
    return Remedy(f"did you mean `{text}`?", Edit(start, end, text), message=f"`{wrong[0]}` is no day of the week",
                  place=(start, end))  # fmt: skip


def _is_day(word: str) -> bool:
    return word.lower() in _DAY_NAMES or word.lower() in _DAY_NAMES.values()


def _similar_day(word: str) -> str | None:
    """The only day whose name or short name is this word, or differs by one letter or by two swapped neighbours."""
    if _is_day(word):
        return _short(word)
    short = {day for day in _DAY_NAMES.values() if len(word) == len(day) and _one_slip(word, day)}
    found = short or {_DAY_NAMES[day] for day in (nearest(word, _DAY_NAMES),) if day}
    return found.pop() if len(found) == 1 else None


def _one_slip(word: str, day: str) -> bool:
    wrong = [at for at in range(len(day)) if word[at] != day[at]]
    return len(wrong) == 1 or (len(wrong) == 2 and sorted(word) == sorted(day))


def _known(day: str) -> bool:
    return day.lower() in _DAY_NAMES or len(day) == len("mon")


def _short(day: str) -> str:
    return _DAY_NAMES.get(day.lower(), day.lower()[:3])


def _hours(context: Context) -> Remedy | None:
    found = _HOURS.match(context.rest_of_line)
    if found is None:
        return None
    start, end = _clock(found[1], found[2], found[3]), _clock(found[4], found[5], found[6])
    if start is None or end is None:
        return None
    text = f"{start}-{end}"
    certain = bool(found[3] or found[6]) or int(found[1]) <= int(found[4])
    return Remedy(f"write `{text}`", Edit(context.start, context.start + found.end(), text), certain,
                  place=(context.start, context.start + found.end()))  # fmt: skip


def _clock(hour: str, minute: str | None, half: str | None) -> str | None:
    hours, minutes = int(hour), int(minute or 0)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    return f"{hours:02}:{minutes:02}" if hours <= 24 and minutes < 60 else None
