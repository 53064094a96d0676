"""Lists, macros, templates, schedules, redactions and imports in other forms."""

from __future__ import annotations

import re

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy

_QUOTED = r'"(?:[^"\\\n]|\\.)*"'
_BLOCK = re.compile(r"\{([^{}]*)\}")
_BRACKETS = re.compile(r"\[([^\]\n]*)\]")
_DEFINED = re.compile(r"\b(list|macro|template|schedule)\s+\w+$")
_REDACT = re.compile(rf"({_QUOTED})\s+(?:in|from|of)\s+([\w.\[\]]+(?:\s*,\s*[\w.\[\]]+)*)")
_SLASHED = re.compile(r"/((?:[^/\\\n]|\\.)+)/([gimsux]*)(?=[\s{}]|$)")
_FROM = re.compile(rf"from\s+({_QUOTED})(?:\s+import\s+[\w*, ]+)?")
_MOMENT = re.compile(r"[a-z0-9:.,\- ]+")
_ZONE = re.compile(r"""["']?((?:[A-Z][A-Za-z_]+/[A-Z][A-Za-z_/+-]+)|UTC|GMT|CET|EST|Z)["']?""")
_CRON = re.compile(r"[\"']?(?:[\d*/,-]+\s+){4}[\d*/,\w-]+")
_OFFSET = re.compile(r"(?:UTC|GMT)([+-])(\d{1,2})(?::?00)?\b")
_DATE = r"(?:(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{1,2})\.(\d{1,2})\.(\d{4}))"
_DATES = re.compile(rf"{_DATE}(?:\s*(?:\.\.\.?|-|\u2013|to|until|through)\s*{_DATE})?(?![\w.-])")


def definitions(context: Context) -> Remedy | None:
    """A definition in another form."""
    if context.expected <= {"EQ", "PLUS_EQ", "LBRACE"}:
        return _defined(context)
    if context.wants_statement and (found := _FROM.match(context.rest_of_line)) is not None:
        text, end = f"import {found[1]}", context.start + found.end()
        return Remedy(f"write `{text}`: the whole file is imported", Edit(context.start, end, text), certain=True,
                      place=(context.start, end))  # fmt: skip
    if context.before.endswith("redact") and context.found == "*":
        return Remedy("name the fields, such as proc.cmdline, output",
                      Edit(context.start, context.end, "proc.cmdline, output"))  # fmt: skip
    if context.before.endswith("redact") and (found := _REDACT.match(context.rest_of_line)) is not None:
        text, end = f"{found[2]} matching {found[1]}", context.start + found.end()
        return Remedy(
            f"write `redact {text}`", Edit(context.start, end, text), certain=True, place=(context.start, end)
        )
    if "MATCHING" in context.expected and re.match(r"with\b", context.rest_of_line):
        return Remedy('write what to replace before it: matching "REGEX"')
    if "MATCHING" in context.expected and context.found in {"match", "matches", "regex", "like", "where", "for"}:
        return context.replace("matching")
    if context.expected == {"STRING"} and (found := _SLASHED.match(context.rest_of_line)) is not None:
        flags = "".join(sorted(set(found[2]) & set("ims")))
        text = '"' + (f"(?{flags})" if flags else "") + found[1].replace("\\/", "/").replace('"', '\\"') + '"'
        end = context.start + found.end()
        return Remedy(f"write `{text}`", Edit(context.start, end, text), place=(context.start, end))
    return None


def _defined(context: Context) -> Remedy | None:
    found = _DEFINED.search(context.before)
    if found is None:
        return None
    dashed = re.match(r"((?:-\w+)+)(?=\s|=|:)", context.rest_of_line)
    if dashed is not None:
        name = re.split(r"\s", context.before)[-1] + dashed[1].replace("-", "_")
        edit = Edit(context.start, context.start + dashed.end(), dashed[1].replace("-", "_"))
        return Remedy(f"names have letters, digits and `_`: write `{name}`", edit)
    rule = {"macro": _macro, "list": _list, "template": _template}.get(found[1])
    remedy = None if rule is None else rule(context)
    if remedy is not None or found[1] == "template":
        return remedy
    if context.found in {"is", "as", "equals"}:
        return Remedy("write `=`", Edit(context.start, context.end, "="), certain=True)
    if context.found == "(" or re.match(r"[\w\"]", context.found):
        return Remedy("missing `=` before it", Edit(context.start, context.start, "= "), certain=context.found == "(")
    return None


def _macro(context: Context) -> Remedy | None:
    block = _BLOCK.match(context.text, context.start)
    if block is not None and ":" not in block[1]:
        edit = Edit(context.start, block.end(), f"= {block[1].strip()}")
        return Remedy("write `=` and no braces", edit, certain=True)
    if context.found == "(":
        return Remedy("macros have no parameters: write `macro NAME = CONDITION`, one macro per value")
    return None


def _list(context: Context) -> Remedy | None:
    block = _BLOCK.match(context.text, context.start) or _BRACKETS.match(context.text, context.start)
    if block is None:
        return None
    text = f"= ({block[1].strip()})"
    return Remedy(f"write `{text}`", Edit(context.start, block.end(), text), certain=True,
                  place=(context.start, block.end()))  # fmt: skip


def _template(context: Context) -> Remedy | None:
    message = re.match(rf"=?\s*({_QUOTED})", context.rest_of_line)
    if message is not None:
        text, end = f"{{ message {message[1]} }}", context.start + message.end()
        return Remedy(f"write `{text}`", Edit(context.start, end, text), place=(context.start, end))
    if context.found == "=":
        end = context.end + (context.text[context.end : context.end + 1] == " ")
        return Remedy("remove `=`", Edit(context.start, end, ""), certain=True)
    return None


def schedule_parts(context: Context) -> Remedy | None:
    """Dates, zones and quoted moments of a schedule."""
    if not context.expected & {"DAYS", "DATES", "HOURS"}:
        return None
    quoted = re.match(_QUOTED, context.rest_of_line)
    if _CRON.match(context.rest_of_line):
        return Remedy("write days and hours, not a cron expression: mon-fri 09:00-18:00")
    if context.found == "not":
        return Remedy("write the days that it means, such as mon-fri; in a route: not during NAME")
    offset = _OFFSET.match(context.rest_of_line) if "IN" in context.expected else None
    if offset is not None:
        sign = "-" if offset[1] == "+" else "+"
        text, end = f'in "Etc/GMT{sign}{int(offset[2])}"', context.start + offset.end()
        return Remedy(f'write `{text}`, or the name of a place: in "Europe/Berlin"', Edit(context.start, end, text),
                      place=(context.start, end))  # fmt: skip
    zone = _ZONE.match(context.rest_of_line) if "IN" in context.expected else None
    if zone is not None:
        text, end = f'in "{zone[1]}"', context.start + zone.end()
        return Remedy(f"write `{text}`", Edit(context.start, end, text), certain=True, place=(context.start, end))
    if quoted is not None and _MOMENT.fullmatch(quoted[0][1:-1]):
        edit = Edit(context.start, context.start + quoted.end(), quoted[0][1:-1])
        return Remedy("remove the quotes", edit, certain=True, place=(edit.start, edit.end))
    dates = _DATES.match(context.rest_of_line)
    if dates is None:
        return None
    first, second = _iso(dates.groups()[:6]), _iso(dates.groups()[6:])
    text, end = first + (f"..{second}" if second else ""), context.start + dates.end()
    return Remedy(f"write `{text}`", Edit(context.start, end, text), certain=True, place=(context.start, end))


def _iso(parts: tuple[str | None, ...]) -> str:
    year, month, day = parts[:3] if parts[0] else (parts[5], parts[4], parts[3])
    return f"{year}-{int(month):02}-{int(day):02}" if year and month and day else ""
