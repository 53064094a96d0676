"""Checks literal values against the operand that they are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.alert import MISSING, Priority, parse_priority
from bridge.alert.catalogue import service_ports
from bridge.common.suggest import did_you_mean
from bridge.language.checker.conditions.number_hints import address_hint, integer_hint, network_hint, number_hint
from bridge.language.checker.conditions.regex_error import explain
from bridge.language.checker.places import within
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.program.condition import Kind, Operator
from bridge.language.program.fields.kinds import HEX_OPERATORS, ORDERING, field_kind
from bridge.language.program.fields.numbers import LITERALS, changed_value
from bridge.language.program.fields.values import (
    is_number_token,
    parse_address,
    parse_bool,
    parse_network,
)
from bridge.language.program.regex import compile_as_falco
from bridge.language.syntax.tree import Word

_FORMS = {Kind.DOUBLE: "a number", Kind.PORT: "a port"}
_SUBSTRING = frozenset({Operator.CONTAINS, Operator.ICONTAINS, Operator.STARTSWITH, Operator.ENDSWITH})
_WHOLE = frozenset({Operator.EQ, Operator.NE, Operator.IN})
_SMART_QUOTES = frozenset("“”‘’„«»")
_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "1": "true", "no": "false", "off": "false", "n": "false",
             "0": "false"}  # fmt: skip
_RANGE = re.compile(r"(\d+)(?:-|\.\.|:)(\d+)")
_HEX = frozenset("0123456789abcdefABCDEF")
_LEVELS = {
    "p0": "emergency", "p1": "critical", "p2": "error", "p3": "warning", "p4": "notice", "p5": "informational",
    "sev0": "emergency", "sev1": "critical", "sev2": "error", "sev3": "warning", "sev4": "notice", "high": "critical",
    "highest": "emergency", "medium": "warning", "low": "notice", "fatal": "critical", "panic": "emergency",
    "urgent": "critical", "major": "error", "minor": "notice", "moderate": "warning", "trace": "debug",
}  # fmt: skip
_PRIORITIES = tuple(priority.word for priority in Priority)


def literal_problems(kind: Kind, operator: Operator, word: Word) -> Iterator[Diagnostic]:
    """All errors and warnings about a value on the right side of a comparison."""
    yield from _errors(kind, operator, word)
    yield from _warnings(kind, operator, word)


def _errors(  # noqa: C901  # one case per line
    kind: Kind, operator: Operator, word: Word
) -> Iterator[Diagnostic]:
    text = word.text
    if kind is Kind.PRIORITY:
        if parse_priority(text) is None:
            hint = priority_hint(text) or f"one of {', '.join(_PRIORITIES)}"
            if text.isdecimal() and int(text) < len(_PRIORITIES):
                hint = f"priorities are names: {text} is `{Priority(int(text)).word}`"
            yield Diagnostic(Code.UNKNOWN_PRIORITY, f"unknown priority `{text}`", word.span, hint)
    elif operator in ORDERING and (word.quoted or not is_number_token(text)):
        number = is_number_token(text)
        fix = Fix(word.span.start, word.span.end, text, certain=True) if number else None
        hint = f"write `{text}`" if number else number_hint(text)
        yield _wrong(word, f"`{operator.value}` needs a number without quotes", hint, fix)
    elif kind in LITERALS and LITERALS[kind](text) is None:
        hint = _range_hint(text) or (_port_hint(text) if kind is Kind.PORT else integer_hint(text))
        yield _wrong(word, f"`{text}` is not {_FORMS.get(kind, 'an integer')}", hint)
    elif kind is Kind.BOOL and parse_bool(text) is None:
        meant = _BOOLEANS.get(text.lower())
        fix = None if meant is None else Fix(word.span.start, word.span.end, meant, certain=True)
        hint = "write `true` or `false`" if meant is None else f"write `{meant}`"
        yield _wrong(word, f"`{text}` is not a boolean", hint, fix)
    elif kind is Kind.IP and parse_address(text) is None and parse_network(text) is None:
        hint = network_hint(text) or address_hint(text) or "like 10.0.0.1, 2001:db8::1, or a network 10.0.0.0/8"
        hint = hint.replace("`FIELD in", "`not FIELD in") if operator is Operator.NE else hint
        yield _wrong(word, f"`{text}` is not an IP address", hint)
    elif kind is Kind.NET and not _is_net(text):
        hint = network_hint(text) or address_hint(text) or "like 10.0.0.0/8 or 2001:db8::/32"
        yield _wrong(word, f"`{text}` is not a network", hint)
    elif operator in HEX_OPERATORS and (len(text) % 2 or not _HEX.issuperset(text)):
        yield _wrong(word, f"`{operator.value}` needs bytes in hexadecimal", "like 7f454c46")
    elif operator is Operator.REGEX:
        compiled = compile_as_falco(text)
        if isinstance(compiled, str):
            error = explain(text, compiled)
            span = within(word, error.start, error.end)
            yield Diagnostic(Code.BAD_REGEX, f"invalid regex: {error.message}", span, error.hint)


def priority_hint(text: str) -> str:
    """The priority that a level of another tool stands for, or a similar one; an empty string if there is none."""
    meant = _LEVELS.get(text.lower())
    return f"write `{meant}`" if meant else did_you_mean(text, _PRIORITIES)


def _range_hint(text: str) -> str:
    found = _RANGE.fullmatch(text)
    return "" if found is None else f"for a range: FIELD >= {found[1]} and FIELD <= {found[2]}"


def _is_net(text: str) -> bool:
    """Falco accepts every network except ``::/0``."""
    network = parse_network(text)
    return network is not None and (network.version, network.prefixlen) != (6, 0)


def _port_hint(text: str) -> str:
    return did_you_mean(text, service_ports()) or "a number from 0 to 65535, or the name of a service, such as ssh"


def _warnings(kind: Kind, operator: Operator, word: Word) -> Iterator[Diagnostic]:
    text = word.text
    if text == MISSING:
        yield Diagnostic(
            Code.LITERAL_MISSING,
            f"a comparison with `{MISSING}` is always false: Falco prints missing values this way",
            word.span,
            "write `not FIELD exists`",
        )
    elif (changed := changed_value(kind, text)) is not None:
        yield Diagnostic(
            Code.NUMBER_RANGE,
            f"`{text}` does not fit the field: Falco compares with {changed}",
            word.span,
            "write a number in the range of the field",
        )
    elif text == "" and operator in _SUBSTRING:
        yield Diagnostic(
            Code.EMPTY_VALUE, f'`{operator.value} ""` is true for every value', word.span, "write `FIELD exists`"
        )
    elif text == "*" and not word.quoted and operator in _WHOLE:
        hint = "for any value: not FIELD exists" if operator is Operator.NE else "for any value: FIELD exists"
        yield Diagnostic(Code.WILDCARD_EQUALS, f"`{operator.value}` compares `*` literally", word.span, hint)
    elif operator in _WHOLE and kind is Kind.TEXT and _has_wildcard(text):
        yield Diagnostic(
            Code.WILDCARD_EQUALS, f"`{operator.value}` compares `*` literally", word.span, "for wildcards use `glob`"
        )
    elif not word.quoted and "." in text and "/" not in text and field_kind(text) is not None:
        yield Diagnostic(
            Code.FIELD_AS_TEXT,
            f"this is the text `{text}`, not the value of the field",
            word.span,
            f"for the value: val({text}); for the text, quote it",
        )
    elif not word.quoted and not _SMART_QUOTES.isdisjoint(text):
        yield Diagnostic(
            Code.SMART_QUOTE, "this value contains a typographic quote", word.span, 'use straight quotes: "',
            fix=_straight_quotes(word),
        )  # fmt: skip
    elif not word.quoted and not text.isprintable():
        trimmed = text.strip()
        at = next(at for at, letter in enumerate(text) if not letter.isprintable())
        span = within(word, at, at + 1)
        if trimmed == text or not trimmed.isprintable():
            hint, fix = "remove it, or quote the value", None
        else:
            hint = "use a plain space"
            text = f"{' ' if text[0].isspace() else ''}{trimmed}{' ' if text[-1].isspace() else ''}"
            fix = Fix(word.span.start, word.span.end, text, certain=True)
        yield Diagnostic(Code.SMART_QUOTE, "this value contains an invisible character", span, hint, fix=fix)


def _straight_quotes(word: Word) -> Fix | None:
    inner = word.text[1:-1]
    if not (len(word.text) > 1 and word.text[0] in _SMART_QUOTES and word.text[-1] in _SMART_QUOTES):
        return None
    return Fix(word.span.start, word.span.end, f'"{inner}"', certain=_SMART_QUOTES.isdisjoint(inner))


def _has_wildcard(text: str) -> bool:
    """A ``*`` at the end, or in a single word. Elsewhere it may be part of a command."""
    return "*" in text and len(text) > 1 and (text.endswith("*") or " " not in text)


def _wrong(word: Word, message: str, hint: str, fix: Fix | None = None) -> Diagnostic:
    return Diagnostic(Code.WRONG_VALUE, message, word.span, hint, fix=fix)
