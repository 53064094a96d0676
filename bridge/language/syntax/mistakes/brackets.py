"""Braces, parentheses and quotes that are never closed, or close nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.language.syntax.mistakes.remedy import Context, Edit, Remedy
from bridge.language.syntax.reserved import STATEMENTS

_TOKEN = re.compile(r"""(?<![^\s(){},=])#[^\n]*|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|[{}()]""")
_STATEMENT_LINE = re.compile(
    r"^([ \t]*)(?:import|list|macro|schedule|template|redact|table|where|route|otherwise|test)\b", re.MULTILINE
)
_TAKEN_AS_ITEM = re.compile(rf",\s*\n[ \t]*(?:{'|'.join(STATEMENTS)})$")
"""A comma at the end of a line, and the next statement, whose keyword was read as an item of the list."""
_STARTS_STATEMENT = re.compile(r"\w+\s*\+?=|[\"'{]")
_CLAUSE_LINE = re.compile(
    r"^[ \t]*(?:when|to|during|not[ \t]+during|new|after|then|absent|group|throttle|severity|title|message|use|resolve"
    r"|drop|stop|route|where|list|macro|otherwise|test|import|expect|event)\b",
    re.MULTILINE,
)
_CLOSING_LINE = re.compile(r"^([ \t]*)\}", re.MULTILINE)
_INDENT = re.compile(r"[ \t]*")
_AFTER_CONDITION = frozenset(
    {"", "{", "}", "to", "when", "severity", "title", "message", "throttle", "drop", "stop", "during"}
)
_OPENING = {"}": "{", ")": "("}
_KEYWORD = re.compile(r"""[\s)}]+(?:to|when|severity|title|message|throttle|during|drop|stop|group)\b|\s*[})]\s*$""")


def unclosed_brace(context: Context) -> Remedy | None:
    """A statement or the end of the file, where a block is still open."""
    if "RBRACE" not in context.expected or context.found in {"}", ")"}:
        return None
    if context.found and not _starts_statement(context):
        return None
    opener = _suspect(context.text, context.start, "{")
    if opener is None:
        return None
    indent = _indent_of(context.text, opener)
    if context.found and "\n" in context.text[opener : context.start] and len(context.line_before) > len(indent):
        return None  # a statement that the user meant to be inside
    at = _block_end(context.text, opener, context.start)
    on_one_line = "\n" not in context.text[opener:at]
    edit = Edit(at, at, " }" if on_one_line else f"\n{indent}}}")
    line = context.text.count("\n", 0, at) + 1
    return Remedy(
        f"close it with `}}`, probably after line {line}", edit, message="this `{` is never closed",
        place=(opener, opener + 1),
    )  # fmt: skip


def unclosed_event(context: Context) -> Remedy | None:
    """``expect`` inside an event, whose brace is not closed."""
    if context.expected != {"EQ"} or not context.before.endswith("expect"):
        return None
    opener = _suspect(context.text, context.start, "{")
    if opener is None:
        return None
    at = len(context.text[: context.before_end - len("expect")].rstrip())
    return Remedy("close it with `}` before `expect`", Edit(at, at, " }"), message="this `{` is never closed",
                  place=(opener, opener + 1))  # fmt: skip


def unclosed_parenthesis(context: Context) -> Remedy | None:
    """A keyword, a brace or the end of the file inside parentheses."""
    taken = _TAKEN_AS_ITEM.search(context.before) if {"RPAR", "COMMA"} <= context.expected else None
    if taken is not None and _STARTS_STATEMENT.match(context.rest_of_line):
        comma = context.offset(taken)
        return _never_closed(context.text, comma, Edit(comma, comma + 1, ")"))
    new_line = "\n" in context.text[context.before_end : context.start]
    ends = context.found in _AFTER_CONDITION or (context.found.isalpha() and new_line)
    if "RPAR" not in context.expected or not ends:
        return None
    at = context.before_end
    return _never_closed(context.text, context.start, Edit(at, at, ")"))


def _never_closed(text: str, end: int, edit: Edit) -> Remedy | None:
    """The remedy for a parenthesis that is open at ``end``. None if there is none."""
    opener = _suspect(text, end, "(")
    if opener is None:
        return None
    line = text.count("\n", 0, edit.start) + 1
    return Remedy(
        f"close it with `)`, probably at the end of line {line}", edit, message="this `(` is never closed",
        place=(opener, opener + 1),
    )  # fmt: skip


def extra_bracket(context: Context) -> Remedy | None:
    """A closing brace or parenthesis that closes nothing, or a clause after the end of its route."""
    if context.found == ")" and "RPAR" not in context.expected and not _open(context.text, context.start, "("):
        return Remedy("remove it", Edit(context.start, context.end, ""), message="this `)` closes nothing")
    if context.found == "}" and context.wants_statement and "RBRACE" not in context.expected:
        start = context.before_end if not context.line_before.strip() else context.start
        return Remedy("remove it", Edit(start, context.end, ""), message="this `}` closes nothing")
    if context.wants_statement and context.before.endswith("}") and _is_clause(context.found):
        at = context.before_end - 1
        if _block_on_line(context.text, at) and not context.line_before.strip():
            return None
        keep = at - 1 if context.text[at - 1 : at] == " " else at
        return Remedy(
            "remove it", Edit(keep, at + 1, ""), message=f"this `}}` closes the route before `{context.found}`",
            place=(at, at + 1),
        )  # fmt: skip
    return None


def unclosed_quote(text: str, start: int, end: int) -> Remedy:
    """A string from ``start`` whose closing quote is most likely missing on its first line."""
    quote = text[start]
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    named = re.search(r"\b(?:route|test)\s*$", text[max(0, start - 20) : start])
    found = re.compile(r"\s*\{").search(text, start + 1, line_end) if named else None
    found = found or _KEYWORD.search(text, start + 1, line_end)
    at = line_end if found is None else found.start()
    at = start + 1 + len(text[start + 1 : at].rstrip())
    last = text.count("\n", 0, end) + 1
    first = text.count("\n", 0, start) + 1
    message = "this string is never closed" if end >= len(text) else f"this string continues to line {last}"
    where = f"probably at column {at - text.rfind(chr(10), 0, start)}" if first != last or end >= len(text) else ""
    hint = "missing closing quote" + (f", {where}" if where else "")
    return Remedy(hint, Edit(at, at, quote), message=message, place=(start, line_end))


def _starts_statement(context: Context) -> bool:
    return _STATEMENT_LINE.match(context.text, context.text.rfind("\n", 0, context.start) + 1) is not None and (
        not context.line_before.strip()
    )


def _block_on_line(text: str, closing: int) -> bool:
    """Whether the block that ends here begins on the same line."""
    line = text[text.rfind("\n", 0, closing) + 1 : closing + 1]
    return [bracket for _, bracket in _brackets(line, len(line))].count("{") > 0


def _is_clause(word: str) -> bool:
    return _CLAUSE_LINE.match(word) is not None


def _brackets(text: str, end: int) -> Iterator[tuple[int, str]]:
    for match in _TOKEN.finditer(text, 0, end):
        if match[0][0] in "{}()":
            yield match.start(), match[0]


def _open(text: str, end: int, kind: str) -> list[int]:
    """The brackets of this kind that are open at ``end``."""
    stack: list[int] = []
    for at, bracket in _brackets(text, end):
        if bracket == kind:
            stack.append(at)
        elif _OPENING.get(bracket) == kind and stack:
            stack.pop()
        elif bracket in "{}" and kind == "(":
            stack.clear()
    return stack


def _suspect(text: str, end: int, kind: str) -> int | None:
    """The bracket that was not closed: where indentation contradicts the pairs, the inner one; else the innermost."""
    if kind == "(":
        stack = _open(text, end, kind)
        return stack[-1] if stack else None
    stack = []
    for at, bracket in _brackets(text, end):
        if bracket == "{":
            stack.append(at)
        elif bracket == "}" and stack:
            opener = stack.pop()
            alone = not text[text.rfind("\n", 0, at) + 1 : at].strip()
            if alone and stack and len(_indent_of(text, at)) < len(_indent_of(text, opener)):
                return opener
    return stack[-1] if stack else None


def _indent_of(text: str, at: int) -> str:
    found = _INDENT.match(text, text.rfind("\n", 0, at) + 1)
    return "" if found is None else found[0]


def _block_end(text: str, opener: int, end: int) -> int:
    """Where a block was probably meant to end: before the next statement that is not indented more than its opener."""
    indent = _indent_of(text, opener)
    line_end = text.find("\n", opener)
    stop = end
    if line_end >= 0:
        for match in _STATEMENT_LINE.finditer(text, line_end, end):
            if len(match[1]) <= len(indent) and match.start() > opener:
                stop = match.start()
                break
        for match in _CLOSING_LINE.finditer(text, line_end, stop):
            if len(match[1]) < len(indent):
                stop = match.start()
                break
    return len(_without_comments_at_end(text[:stop]).rstrip())


def _without_comments_at_end(text: str) -> str:
    """The text without comment lines at its end: they belong to what follows."""
    lines = text.split("\n")
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return "\n".join(lines)
