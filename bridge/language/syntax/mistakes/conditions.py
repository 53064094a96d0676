"""Conditions in the syntax of other languages."""

from __future__ import annotations

import re

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy, value_end
from bridge.language.syntax.mistakes.words import OPERATORS, SMART_QUOTES
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS

_FIELD = r"[A-Za-z][\w]*(?:\.[\w-]+)*(?:\[[^\]\s]*\])?"
_REGEX = 'for a regex: FIELD regex "…"'
_REPLACED = {"&&": "and", "||": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not"}
_WORD_OPERATORS = "|".join(each for each in OPERATORS if each != "exists")
_VALUE = re.compile(rf"(?:(?:==?|!=)\s*|\b(?:{_WORD_OPERATORS})\s+)([^\s()\"'{{}}=,][^()\"'{{}}=,]*)$")
"""An operator and what follows it up to the error."""
_NO_VALUE = re.compile(
    rf"(?<![=!<>])(==?|!=|<=?|>=?|\b(?:{_WORD_OPERATORS}))[ \t]*(?:#[^\n]*)?\n\s*(?:{'|'.join(CLAUSES)})$"
)
_LIST_OPERATORS = frozenset({"in", "intersects", "pmatch"})
_NAMED = re.compile(r"\b(?:macro|with)\s+\w+\s*$")
_CONDITION_WORD = re.compile(r"(?:\b(?:when|where|and|or|not)\s+|\bmacro\s+\w+\s*=\s*|\(\s*)(\w+)$")
_SMART_QUOTED = re.compile(rf"[{SMART_QUOTES}]\S*$")
_BLANKS = re.compile(r"[ \t\r\n]+")
_OPEN_BRACKET = re.compile(r"\b(?:in|intersects|pmatch|oneof|anyof|allof)\s*(\[)[^\]\n]*$")
_BRACKETS = re.compile(r"[\[{]([^\]}\n]*)[\]}]")
_LISTED = re.compile(rf"({_FIELD})\s*(==?|!=|in|intersects)\s+([^\s()\"',]+|\"[^\"\n]*\")$")
_ODD_OPERATORS = (
    (re.compile(r"\s*(<>|><)$"), " != "),
    (re.compile(r"\s*(=>)$"), " >= "),
    (re.compile(r"\s*(=<)$"), " <= "),
)
_PERCENT_FIELD = re.compile(rf"[%$]\{{?({_FIELD})\}}?")
_QUOTED_FIELD = re.compile(r"""(["'])([A-Za-z]\w*(?:\.[\w-]+)+(?:\[[^\]\s"']*\])?)\1""")
_IS_NULL = re.compile(r"is\s+(not\s+)?(?:null|nil|none|empty)\b", re.IGNORECASE)
_BEFORE_PARENTHESIS = re.compile(rf"({_FIELD})\s*(==?|!=|contains|icontains|startswith|endswith|glob|iglob|regex)$")


def negated_operator(context: Context) -> Remedy | None:
    """``FIELD not in (…)``, ``FIELD !~ "…"``."""
    if context.found == "not" and "WORD_OPERATOR" in context.expected:
        field = re.search(rf"({_FIELD})$", context.before)
        operator = re.match(r"not\s+(\w+)", context.rest_of_line)
        if field is not None and operator is not None and operator[1] in OPERATORS:
            edit = Edit(context.offset(field), context.end, f"not {field[1]}")
            return Remedy(f"write `not {field[1]} {operator[1]} …`", edit, certain=True)
        return Remedy("`not` precedes the field: not FIELD in (…)")
    attribute = re.search(r"([A-Za-z]\w*)\s+not$", context.before) if context.expected == {"DURING"} else None
    if attribute is not None and context.found in OPERATORS:
        edit = Edit(context.offset(attribute), context.before_end, f"not {attribute[1]}")
        place = (context.before_end - len("not"), context.before_end)
        return Remedy(f"write `not {attribute[1]} {context.found} …`", edit, certain=True, place=place)
    if context.found in OPERATORS and context.expected == {"DURING"}:
        return Remedy("`not` precedes the field: not FIELD in (…)")
    return None


def null_words(context: Context) -> Remedy | None:
    """``FIELD is null``, ``FIELD is not null``."""
    found = _IS_NULL.match(context.rest_of_line) if "WORD_OPERATOR" in context.expected else None
    field = re.search(rf"({_FIELD})$", context.before) if found is not None else None
    if found is None or field is None:
        return None
    meant = f"{field[1]} exists" if found[1] else f"not {field[1]} exists"
    edit = Edit(context.offset(field), context.start + len(found[0]), meant)
    return Remedy(f"write `{meant}`", edit, certain=True, place=(context.start, context.start + len(found[0])))


def missing_comma(context: Context) -> Remedy | None:
    """Two values of a list without a comma."""
    if not {"COMMA", "RPAR"} <= context.expected or not re.match(r"[\w\"'/.-]", context.found):
        return None
    if "\n" in context.text[context.before_end : context.start]:
        return None
    return Remedy(
        "separate values with `,`, or quote a value with spaces", Edit(context.before_end, context.before_end, ",")
    )


def odd_operators(context: Context) -> Remedy | None:
    """``<>``, ``=>``, ``===``, ``=~``: they are noticed at the word after them."""
    if context.found == "=" and context.before.endswith("==") and "BARE" in context.expected:
        return Remedy("write `=`", Edit(context.before_end - 2, context.end, "="), certain=True)
    if context.found == "~" and "WORD_OPERATOR" in context.expected:
        length = 2 if context.rest_of_line[:2] == "~=" else 1
        lead = "" if context.text[context.start - 1 : context.start].isspace() else " "
        trail = "" if context.rest_of_line[length : length + 1].isspace() else " "
        return Remedy("write `regex`", Edit(context.start, context.start + length, f"{lead}regex{trail}"), certain=True)
    if not context.ends_condition:
        return None
    tilde = re.search(r"\s*(=\s?~)$", context.before)
    if tilde is not None:
        place = (context.offset(tilde, 1), context.before_end)
        return Remedy("write `regex`", Edit(context.offset(tilde), context.start, " regex "), certain=True, place=place)
    for pattern, operator in _ODD_OPERATORS:
        found = pattern.search(context.before)
        if found is not None:
            edit = Edit(context.offset(found), context.start, operator)
            place = (context.offset(found, 1), context.before_end)
            return Remedy(f"write `{operator.strip()}`", edit, certain=True, place=place)
    return None


def marked_field(context: Context) -> Remedy | None:
    """``%proc.name``, ``$proc.name`` and ``"proc.name"`` in a condition."""
    if not {"FIELD", "NOT"} <= context.expected:
        return None
    found = _PERCENT_FIELD.match(context.rest_of_line)
    name = found[1] if found is not None else ""
    if found is None:
        found = _QUOTED_FIELD.match(context.rest_of_line)
        name = found[2] if found is not None else ""
    if found is None:
        return (
            Remedy(f"remove `{context.found}`: fields are written without it") if context.found in {"$", "%"} else None
        )
    end = context.start + len(found[0])
    return Remedy(f"write `{name}`", Edit(context.start, end, name), certain=True, place=(context.start, end))


def lists(context: Context) -> Remedy | None:
    """Lists in brackets or braces, without parentheses, or after ``=``."""
    if context.expected == {"LPAR"}:
        return _list_statement(context)
    bracket = _OPEN_BRACKET.search(context.before) if context.ends_condition else None
    if bracket is not None:
        return _in_brackets(context, context.offset(bracket, 1))
    if context.found in {"[", "{"} and "LPAR" in context.expected and "BARE" in context.expected:
        return _in_brackets(context, context.start)
    if context.found == "," and context.ends_condition and not context.rest_of_line[1:].strip():
        return Remedy("remove the comma", Edit(context.start, context.end, ""), certain=True)
    if context.found == "," and context.ends_condition:
        return _listed(context)
    if context.found == "(" and "BARE" in context.expected and "LPAR" not in context.expected:
        return _after_equals(context)
    return None


def _list_statement(context: Context) -> Remedy:
    hint = "write lists in parentheses: (a, b)"
    found = _BRACKETS.match(context.rest_of_line)
    if found is not None:
        return _parenthesized(context.start, context.start + len(found[0]), found[1])
    if re.match(r"""[\w"'/.-]""", context.rest_of_line) and context.found not in STATEMENTS:
        text = re.split(r"\s+#", context.rest_of_line)[0].rstrip()
        return _parenthesized(context.start, context.start + len(text), text)
    return Remedy(hint)


def _in_brackets(context: Context, start: int) -> Remedy:
    found = _BRACKETS.match(context.text, start)
    if found is None:
        return Remedy("write lists in parentheses: (a, b)")
    return _parenthesized(start, found.end(), found[1])


def _parenthesized(start: int, end: int, items: str) -> Remedy:
    text = f"({items.strip()})"
    return Remedy(f"write `{text}`", Edit(start, end, text), certain=True, place=(start, end),
                  message="lists are written in parentheses")  # fmt: skip


def _listed(context: Context) -> Remedy:
    """``FIELD = a, b``, ``FIELD in a, b``."""
    found = _LISTED.search(context.before)
    if found is None:
        return Remedy("for several values: FIELD in (a, b)")
    end = value_end(context.text, context.start)
    items = re.sub(r",\s*(?:!=|==?)\s*", ", ", context.text[context.offset(found, 3) : end].rstrip().rstrip(","))
    if "(" in items or ")" in items:
        return Remedy("for several values: FIELD in (a, b)")
    if found[2] == "!=":
        text = f"not {found[1]} in ({items})"
        return Remedy(f"for several values: {text}", Edit(context.offset(found), end, text))
    operator = "in" if found[2].startswith("=") else found[2]
    if operator == found[2]:
        start, text = context.offset(found, 3), f"({items})"
        return Remedy(f"write `{text}`", Edit(start, end, text), certain=True, place=(start, end))
    text = f"{found[1]} {operator} ({items})"
    return Remedy(f"for several values: {text}", Edit(context.offset(found), end, text))


def _after_equals(context: Context) -> Remedy | None:
    """A list after an operator that takes one value."""
    found = _BEFORE_PARENTHESIS.search(context.before)
    if found is None:
        return None
    field, operator = found[1], found[2]
    start, end = context.offset(found, 2), context.offset(found, 2) + len(operator)
    if operator.startswith("="):
        edit = Edit(start, context.start, "in ")
        return Remedy("for a list of values write `in`", edit, certain=True, place=(start, end))
    if operator == "!=":
        edit = Edit(context.offset(found), context.start, f"not {field} in ")
        return Remedy(f"for a list of values write `not {field} in (…)`", edit, certain=True, place=(start, end))
    edit = Edit(start, end, f"{operator} anyof")
    return Remedy(f"for several values write `{operator} anyof (…)`", edit)


def commas(context: Context) -> Remedy | None:
    """A comma too many."""
    if context.found == "," and {"FIELD", "RBRACE"} <= context.expected:
        return Remedy("remove the comma", Edit(context.start, context.end, ""), certain=True)
    if context.found in {")", "}"} and context.before.endswith(","):
        at = context.before_end - 1
        return Remedy("remove the comma", Edit(at, at + 1, ""), certain=True, place=(at, at + 1))
    return None


def cause_before(context: Context) -> Remedy | None:  # one case per line
    """A mistake before the error, where the text was still valid syntax."""
    if not context.ends_condition:
        return None
    if (missing := _missing_value(context)) is not None:
        return missing
    word = _CONDITION_WORD.search(context.before)
    if word is not None and word[1] in _REPLACED:
        start = context.offset(word, 1)
        edit = Edit(start, start + len(word[1]), _REPLACED[word[1]])
        return Remedy(f"write `{_REPLACED[word[1]]}` instead of `{word[1]}`", edit, certain=True)
    if word is not None and word[1] == "exists":
        start = context.offset(word, 1)
        if re.fullmatch(_FIELD, context.found):
            edit = Edit(start, context.end, f"{context.found} exists")
            return Remedy(f"write `{context.found} exists`", edit, certain=True)
        return Remedy("`exists` follows its field: FIELD exists")
    if word is not None and word[1] in RESERVED:
        start = context.offset(word)
        connective = re.match(r"and|or|not", word[0])
        if connective is None:
            return Remedy(f"missing condition before `{word[1]}`?")
        end = start + len(connective[0])
        return Remedy(
            "remove it, or write the condition", Edit(start - (context.text[start - 1 : start] == " "), end, ""),
            message=f"`{connective[0]}` has no condition after it", place=(start, end),
        )  # fmt: skip
    if _SMART_QUOTED.search(context.before):
        return Remedy('use straight quotes: "')
    if not _BLANKS.split(context.before)[-1].isprintable():
        return Remedy("invisible character before it: use a plain space")
    return None


def _missing_value(context: Context) -> Remedy | None:
    """An operator at the end of a line, whose value would be the next clause's first word."""
    found = _NO_VALUE.search(context.before)
    if found is None or _NAMED.search(context.before[: found.start()]):
        return None
    start, end = context.offset(found, 1), context.offset(found, 1) + len(found[1])
    value = ' ("")' if found[1] in _LIST_OPERATORS else ' ""'
    return Remedy("write the value", Edit(end, end, value), message=f"`{found[1]}` has no value after it",
                  place=(start, end))  # fmt: skip


def unquoted_value(context: Context) -> Remedy | None:
    """A value of several words."""
    if not context.ends_condition or context.found in STATEMENTS or context.found in {")", "{", "}", ","}:
        return None
    found = _VALUE.search(context.before)
    if found is None or "\n" in context.text[context.offset(found, 1) : context.start]:
        return (
            Remedy("quote values with spaces or symbols")
            if "\n" not in context.text[context.before_end : context.start]
            else None
        )
    start = context.offset(found, 1)
    end = value_end(context.text, context.start)
    value = context.text[start:end].rstrip()
    if '"' in value or "\\" in value or len(value) > 100:
        return Remedy("quote values with spaces or symbols")
    return Remedy(f'quote it: "{value}"', Edit(start, start + len(value), f'"{value}"'))


def arguments(context: Context) -> Remedy | None:
    """A field's argument that is not closed."""
    if context.found == "[" and "WORD_OPERATOR" in context.expected:
        return Remedy("write arguments in brackets: proc.aname[2]")
    return None
