"""Comparisons in another order or form: ``"x" in FIELD``, ``FIELD.lower()``, a field without an operator."""

from __future__ import annotations

import re

from bridge.language.program.condition import Kind, Operator
from bridge.language.program.fields.kinds import field_kind
from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS

_FIELD = r"[A-Za-z]\w*(?:\.[\w-]+)*(?:\[[^\]\s]*\])?"
_VALUE = r"(\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|\d[\w.:/-]*)"
_REVERSED = re.compile(rf"{_VALUE}\s*(not\s+in|in|==?|!=|<=?|>=?)\s*({_FIELD})(?![\w(])")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_METHOD = re.compile(rf"({_FIELD})\.(\w+)$")
_ARGUMENT = re.compile(r"\(\s*([^()\n]*?)\s*\)")
_TRANSFORMERS = {
    "lower": "tolower", "tolower": "tolower", "toLowerCase": "tolower", "lowercase": "tolower", "upper": "toupper",
    "toupper": "toupper", "toUpperCase": "toupper", "len": "len", "length": "len", "size": "len",
    "count": "len",
}  # fmt: skip
_OPERATORS = {
    "contains": "contains", "includes": "contains", "startswith": "startswith", "startsWith": "startswith",
    "starts_with": "startswith", "endswith": "endswith", "endsWith": "endswith", "ends_with": "endswith",
    "matches": "regex", "match": "regex", "equals": "=", "eq": "=", "like": "glob", "exists": "exists",
}  # fmt: skip
_BARE_FIELD = re.compile(rf"(?:^|[\s(])({_FIELD})$")
_WORD_VALUE = r"(?:\"(?:[^\"\\\n]|\\.)*\"|[\w.-]+)"
_ONE_VALUE = re.compile(rf"(==?|contains|icontains|startswith|endswith|glob|iglob)\s*({_WORD_VALUE})$")
_NEGATIONS = frozenset({"not", *Operator})
_MACRO_CALL = re.compile(r"\b(\w+)(\(\s*\))$")
_THEN = re.compile(r"\bthen\s+(to|notify|send|drop|title|message|severity|stop)$")
_LISTED = re.compile(rf"({_FIELD})\s*(==?)\s*([^\s()\"',]+|\"[^\"\n]*\")\s+or$")
_OTHERS = re.compile(rf"{_VALUE}(?:\s+or\s+{_VALUE})*")
_BETWEEN = re.compile(r"between\s+(\S+?)\s*(?:,|and|to|-)\s*(\S+)")
_NEXT_CONDITION = re.compile(rf",\s*(?=(?:not\s+)?\(*{_FIELD}\s*(?:==?|!=|[<>]|(?:in|contains|icontains|startswith"
                             r"|endswith"
                             r"|exists|regex|glob|iglob|intersects|pmatch)\b))")  # fmt: skip


def comparisons(context: Context) -> Remedy | None:
    """A comparison in another order or form."""
    for rule in _RULES:
        remedy = rule(context)
        if remedy is not None:
            return remedy
    return None


def _exists_true(context: Context) -> Remedy | None:
    """``FIELD exists = true``."""
    found = re.match(r"==?\s*true\b", context.rest_of_line) if context.before.endswith(" exists") else None
    if found is None:
        return None
    end = context.start + found.end()
    return Remedy("remove it: `exists` needs no value", Edit(context.before_end, end, ""), certain=True,
                  place=(context.start, end))  # fmt: skip


def _piped(context: Context) -> Remedy | None:
    """``FIELD contains "a" | "b"``."""
    found = _ONE_VALUE.search(context.before) if context.found in {"|", "/"} and context.ends_condition else None
    others = re.match(rf"(?:[|/]\s*{_WORD_VALUE}\s*)+", context.rest_of_line) if found is not None else None
    if found is None or others is None:
        return None
    values = ", ".join([found[2], *re.findall(_WORD_VALUE, others[0])])
    operator = "in" if found[1].startswith("=") else f"{found[1]} anyof"
    start, end = context.offset(found, 1), context.start + len(others[0].rstrip())
    text = f"{operator} ({values})"
    return Remedy(f"for several values: {text}", Edit(start, end, text), place=(start, end))


def _reversed(context: Context) -> Remedy | None:
    """``"shell" in tags``, ``1000 < user.uid``."""
    if not {"FIELD", "NOT"} <= context.expected:
        return None
    found = _REVERSED.match(context.rest_of_line)
    if found is None or field_kind(found[3]) is None:
        return None
    value, operator, field = found[1], found[2], found[3]
    negated = operator.startswith("not")
    if operator.endswith("in"):
        text = f"{field} intersects ({value})" if field_kind(field) is Kind.LIST else f"{field} contains {value}"
        text = f"not {text}" if negated else text
    else:
        text = f"{field} {_MIRRORED.get(operator, operator)} {value}"
    end = context.start + found.end()
    return Remedy(f"write `{text}`", Edit(context.start, end, text), certain=True, place=(context.start, end))


def _method(context: Context) -> Remedy | None:
    """``proc.name.lower()``, ``proc.cmdline.contains("x")``."""
    found = _METHOD.search(context.before) if context.found == "(" and "WORD_OPERATOR" in context.expected else None
    argument = _ARGUMENT.match(context.rest_of_line) if found is not None else None
    if found is None or argument is None or field_kind(found[1]) is None:
        return None
    start, end = context.offset(found), context.start + argument.end()
    if found[2] in _OPERATORS:
        text = f"{found[1]} {_OPERATORS[found[2]]} {argument[1]}".rstrip()
    elif found[2] in _TRANSFORMERS:
        text = f"{_TRANSFORMERS[found[2]]}({found[1]})"
    else:
        return None
    return Remedy(f"write `{text}`", Edit(start, end, text), certain=True, place=(start, end))


def _dashed_name(context: Context) -> Remedy | None:
    """``shell-binaries`` as the name of a macro."""
    dashed = re.match(r"((?:-[A-Za-z]\w*)+)(?=[\s)}]|$)", context.rest_of_line)
    name = re.search(r"(?:^|[\s(])([A-Za-z_]\w*)$", context.text[: context.start][-80:])
    if dashed is None or name is None or not context.text[context.start - 1 : context.start].strip():
        return None
    if not context.ends_condition or re.search(
        r"(?:[=<>]|\b(?:contains|startswith|endswith|glob|regex))\s*\w+$", context.before
    ):
        return None
    fixed = dashed[1].replace("-", "_")
    edit = Edit(context.start, context.start + dashed.end(), fixed)
    return Remedy(f"names have letters, digits and `_`: write `{name[1]}{fixed}`", edit)


def _macro_call(context: Context) -> Remedy | None:
    found = _MACRO_CALL.search(context.before) if "WORD_OPERATOR" in context.expected else None
    if found is None or "." in found[1]:
        return None
    start, end = context.offset(found, 2), context.offset(found, 2) + len(found[2])
    return Remedy(
        f"remove `()`: a macro is used as `{found[1]}`", Edit(start, end, ""), certain=True, place=(start, end)
    )


def _then_clause(context: Context) -> Remedy | None:
    """``… then to pager``."""
    found = _THEN.search(context.before) if "WORD_OPERATOR" in context.expected else None
    if found is None:
        return None
    start, end = context.offset(found), context.offset(found, 1)
    return Remedy("remove `then`: it begins a condition on a later alert", Edit(start, end, ""), certain=True,
                  place=(start, start + len("then")))  # fmt: skip


def _bare_field(context: Context) -> Remedy | None:
    """A field without an operator and a value."""
    if (
        "EXISTS" not in context.expected
        or context.found in _NEGATIONS
        or not (context.found in RESERVED or context.found in {"{", "}", ")", ""})
    ):
        return None
    found = _BARE_FIELD.search(context.before)
    kind = None if found is None else field_kind(found[1])
    if found is None or kind is None or (found[1] in RESERVED and found[1] not in {"tags", "output", "hostname"}):
        return None
    text = " = true" if kind is Kind.BOOL else " exists"
    at, start = context.before_end, context.offset(found, 1)
    message = f"`{found[1]}` needs an operator and a value"
    return Remedy(f"write `{found[1]}{text}`", Edit(at, at, text), message=message, place=(start, at))  # fmt: skip


def _between(context: Context) -> Remedy | None:
    field = re.search(rf"({_FIELD})$", context.before)
    found = _BETWEEN.match(context.rest_of_line)
    if found is None or field is None or not ("WORD_OPERATOR" in context.expected or context.ends_condition):
        return None
    start, end = context.offset(field), context.start + found.end()
    if ":" in found[1]:
        return Remedy("for hours define `schedule office = mon-fri 09:00-18:00`, and write `during office`",
                      place=(start, end))  # fmt: skip
    text = f"({field[1]} >= {found[1]} and {field[1]} <= {found[2]})"
    return Remedy(f"write `{text}`", Edit(start, end, text), certain=True, place=(start, end))


def _comma_between(context: Context) -> Remedy | None:
    """``rule = a, priority = critical``."""
    found = _NEXT_CONDITION.match(context.rest_of_line) if context.ends_condition else None
    if found is None:
        return None
    return Remedy("write `and` or `or` between conditions", Edit(context.start, context.start + found.end(), " and "))


def _two_groups(context: Context) -> Remedy | None:
    """``(rule = a) (proc.name = b)``."""
    if context.found != "(" or not context.ends_condition or not context.before.endswith(")"):
        return None
    return context.insert("and ", "missing `and` or `or` before it")


def _or_values(context: Context) -> Remedy | None:
    """``fd.sport = 80 or 443``."""
    listed = _LISTED.search(context.before) if {"FIELD", "NOT"} <= context.expected else None
    others = None if listed is None else _OTHERS.match(context.rest_of_line)
    if listed is None or others is None:
        return None
    values = [listed[3], *re.split(r"\s+or\s+", others[0])]
    text = f"{listed[1]} in ({', '.join(values)})"
    end = context.start + others.end()
    return Remedy(f"for several values: {text}", Edit(context.offset(listed), end, text), certain=True,
                  place=(context.start, end))  # fmt: skip


def not_during(context: Context) -> Remedy | None:
    """``during not office``."""
    found = re.search(r"\bduring\s+not$", context.before)
    if found is None or context.found in CLAUSES or context.found in STATEMENTS or not context.wants_clause:
        return None
    start, end = context.offset(found), context.end
    text = f"not during {context.found}"
    return Remedy(f"write `{text}`", Edit(start, end, text), certain=True, place=(start, end))


_RULES = (
    _exists_true, _piped, _reversed, _method, _macro_call, _dashed_name, _then_clause, _bare_field, _between,
    _comma_between, _two_groups, _or_values,
)  # fmt: skip
