"""Whether a value as written fits what it is compared with."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.alert import MISSING, Priority, parse_priority
from bridge.common.suggest import did_you_mean
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.program.condition import Kind, Operator
from bridge.language.program.kinds import HEX_OPERATORS, ORDERING, field_kind
from bridge.language.program.regex import compile_as_falco
from bridge.language.program.values import (
    is_number_token,
    parse_address,
    parse_bool,
    parse_double,
    parse_network,
    parse_signed,
    parse_unsigned,
)
from bridge.language.syntax.tree import Word

_NUMBERS = {Kind.UNSIGNED: parse_unsigned, Kind.INTEGER: parse_signed, Kind.DOUBLE: parse_double}
_SUBSTRING = frozenset({Operator.CONTAINS, Operator.ICONTAINS, Operator.STARTSWITH, Operator.ENDSWITH})
_WHOLE = frozenset({Operator.EQ, Operator.NE, Operator.IN})
_SMART_QUOTES = frozenset("“”‘’„«»")
_HEX = frozenset("0123456789abcdefABCDEF")
_PRIORITIES = tuple(priority.word for priority in Priority)


def literal_problems(kind: Kind, operator: Operator, word: Word) -> Iterator[Diagnostic]:
    """Everything that is wrong or odd with a value on the right of a comparison."""
    yield from _misfits(kind, operator, word)
    yield from _oddities(kind, operator, word)


def _misfits(  # noqa: C901  # a case a line
    kind: Kind, operator: Operator, word: Word
) -> Iterator[Diagnostic]:
    text = word.text
    if kind is Kind.PRIORITY:
        if parse_priority(text) is None:
            hint = did_you_mean(text, _PRIORITIES) or f"one of {', '.join(_PRIORITIES)}"
            yield Diagnostic(Code.UNKNOWN_PRIORITY, f"`{text}` is no priority", word.span, hint)
    elif operator in ORDERING and (word.quoted or not is_number_token(text)):
        yield _wrong(word, f"`{operator.value}` takes a number without quotes", "to compare two fields: val(FIELD)")
    elif kind in _NUMBERS and _NUMBERS[kind](text) is None:
        yield _wrong(word, f"`{text}` is no whole number" if kind is not Kind.DOUBLE else f"`{text}` is no number", "")
    elif kind is Kind.BOOL and parse_bool(text) is None:
        yield _wrong(word, f"`{text}` is neither true nor false", "write `true` or `false`")
    elif kind is Kind.IP and parse_address(text) is None and parse_network(text) is None:
        yield _wrong(word, f"`{text}` is no IP address", "like 10.0.0.1, 2001:db8::1, or a network 10.0.0.0/8")
    elif kind is Kind.NET and not _is_net(text):
        yield _wrong(word, f"`{text}` is no network", "like 10.0.0.0/8 or 2001:db8::/32")
    elif operator in HEX_OPERATORS and (len(text) % 2 or not _HEX.issuperset(text)):
        yield _wrong(word, f"`{operator.value}` takes bytes in hexadecimal", "like 7f454c46")
    elif operator is Operator.REGEX:
        compiled = compile_as_falco(text)
        if isinstance(compiled, str):
            hint = "RE2 knows no look-around and no back-references" if "(?" in text or "\\" in text else ""
            yield Diagnostic(Code.BAD_REGEX, f"RE2 refuses this regex: {compiled}", word.span, hint)


def _is_net(text: str) -> bool:
    """Falco takes every network but the whole of IPv6."""
    network = parse_network(text)
    return network is not None and (network.version, network.prefixlen) != (6, 0)


def _oddities(kind: Kind, operator: Operator, word: Word) -> Iterator[Diagnostic]:
    text = word.text
    if text == MISSING:
        yield Diagnostic(
            Code.LITERAL_MISSING,
            f"`{MISSING}` is how Falco prints a missing value, and a comparison with that is false",
            word.span,
            "write `not FIELD exists`",
        )
    elif text == "" and operator in _SUBSTRING:
        yield Diagnostic(
            Code.EMPTY_VALUE, f'`{operator.value} ""` is true of every value', word.span, "write `FIELD exists`"
        )
    elif operator in _WHOLE and kind is Kind.TEXT and _has_wildcard(text):
        yield Diagnostic(
            Code.WILDCARD_EQUALS, f"`{operator.value}` compares literally, `*` too", word.span, "for wildcards: glob"
        )
    elif not word.quoted and "." in text and "/" not in text and field_kind(text) is not None:
        yield Diagnostic(
            Code.FIELD_AS_TEXT,
            f"this is the text `{text}`, not the field's value",
            word.span,
            f"for its value: val({text}); for the text, quote it",
        )
    elif not word.quoted and not _SMART_QUOTES.isdisjoint(text):
        yield Diagnostic(Code.SMART_QUOTE, "a typographic quote is part of this value", word.span, 'straight quotes: "')
    elif not word.quoted and not text.isprintable():
        yield Diagnostic(
            Code.SMART_QUOTE, "what cannot be seen is part of this value", word.span, "take it out, or quote the value"
        )


def _has_wildcard(text: str) -> bool:
    """A ``*`` in one word, or at the end: elsewhere it is as likely a command's own."""
    return "*" in text and len(text) > 1 and (text.endswith("*") or " " not in text)


def _wrong(word: Word, message: str, hint: str) -> Diagnostic:
    return Diagnostic(Code.WRONG_VALUE, message, word.span, hint)
