"""Values in the syntax of other tools (``null``, ``%proc.name``, ``/regex/i``), and operators that a field lacks."""

from __future__ import annotations

import re

from bridge.language.checker.places import within
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.program.condition import Kind, Operator
from bridge.language.program.fields.kinds import field_kind
from bridge.language.syntax import tree as syntax

_NULLS = frozenset({"null", "nil", "none", "undefined", "NULL", "None", "NIL", "Null", "nul"})
_FIELD = re.compile(r"[%$]\{?([a-zA-Z]\w*(?:\.[\w-]+)*(?:\[[^\]]*\])?)\}?")
_SLASHED = re.compile(r"/(.*)/([gimsux]{1,4})", re.DOTALL)
_ANCHORED = re.compile(r"\^([\w /@:-]+)|([\w /@:-]+)\$")
"""A regex of plain text with one anchor."""
_RE2_FLAGS = frozenset("ims")
_IP_PREFIX = re.compile(r"((?:\d{1,3}\.){1,3})\*?")
_WORD_OPERATORS = frozenset({Operator.CONTAINS, Operator.ICONTAINS, Operator.STARTSWITH, Operator.EQ, Operator.NE})


def foreign_value(written: syntax.Comparison, operator: Operator, word: syntax.Word) -> Diagnostic | None:
    """The problem of a value that means something in other languages, but here only its text."""
    if not word.quoted and word.text in _NULLS and operator in (Operator.EQ, Operator.NE):
        left = _name(written.left)
        meant = f"{left} exists" if operator is Operator.NE else f"not {left} exists"
        message = f"this is the text `{word.text}`; a missing value cannot be compared"
        fix = Fix(written.span.start, written.span.end, meant) if left else None
        return Diagnostic(Code.FOREIGN_SYNTAX, message, word.span, f"write `{meant}`", fix=fix)
    named = _FIELD.fullmatch(word.text)
    if named is not None and field_kind(named[1]) is not None:
        text = f"val({named[1]})"
        return Diagnostic(
            Code.FOREIGN_SYNTAX, f"this is the text `{word.text}`, not the value of the field", word.span,
            f"write `{text}`", fix=Fix(word.span.start, word.span.end, text),
        )  # fmt: skip
    if not word.quoted and word.text.endswith(";") and len(word.text) > 1:
        span = within(word, len(word.text) - 1, len(word.text))
        return Diagnostic(
            Code.FOREIGN_SYNTAX, "the `;` is part of the value", span, "remove `;`, or quote the value",
            fix=Fix(span.start, span.end, ""),
        )  # fmt: skip
    anchored = _ANCHORED.fullmatch(word.text) if operator is Operator.REGEX else None
    if anchored is not None:
        meant = f"startswith {_text(anchored[1])}" if anchored[1] else f"endswith {_text(anchored[2])}"
        return Diagnostic(
            Code.FOREIGN_SYNTAX, f"`regex` matches the whole value: only `{anchored[1] or anchored[2]}` matches",
            word.span, f"write `{meant}`", fix=Fix(written.operator.span.start, word.span.end, meant),
        )  # fmt: skip
    slashed = _SLASHED.fullmatch(word.text) if operator is Operator.REGEX else None
    if slashed is not None:
        flags = "".join(sorted(set(slashed[2]) & _RE2_FLAGS))
        pattern = f"(?{flags}){slashed[1]}" if flags else slashed[1]
        quoted = '"' + pattern.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return Diagnostic(
            Code.FOREIGN_SYNTAX, "the slashes and flags are part of the pattern", word.span, f"write `{quoted}`",
            fix=Fix(word.span.start, word.span.end, quoted),
        )  # fmt: skip
    return None


def better_operator(written: syntax.Comparison, kind: Kind, operator: Operator) -> tuple[str, Fix | None] | None:
    """The comparison to write instead of one that the field does not support, with the edit."""
    word = written.right
    if not isinstance(word, syntax.Word):
        return None
    meant = ""
    if kind is Kind.LIST and operator in _WORD_OPERATORS:
        meant = f"intersects ({_quoted(word)})"
        if operator is Operator.NE:
            return f"write `not {_name(written.left)} {meant}`", None
    prefix = _IP_PREFIX.fullmatch(word.text)
    if kind is Kind.IP and prefix is not None:
        bytes_ = prefix[1].rstrip(".").split(".")
        network = ".".join([*bytes_, *["0"] * (4 - len(bytes_))])
        meant = f"in ({network}/{8 * len(bytes_)})"
    if not meant:
        return None
    fix = Fix(written.operator.span.start, word.span.end, meant)
    return f"write `{_name(written.left)} {meant}`", fix


def _text(text: str) -> str:
    return text if re.fullmatch(r"[\w/:-]+", text) else f'"{text}"'


def _quoted(word: syntax.Word) -> str:
    return f'"{word.text}"' if word.quoted else word.text


def _name(left: syntax.LeftOperand) -> str:
    return left.text if isinstance(left, syntax.FieldName) else ""
