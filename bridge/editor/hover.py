"""What a name means, for the text that an editor shows beside it. Markdown."""

from __future__ import annotations

import re

from bridge.alert.catalogue import find_field
from bridge.editor.definitions import definition
from bridge.editor.names import Kind, Name
from bridge.editor.project import Snapshot
from bridge.language.program.fields.kinds import ATTRIBUTES, field_kind, kind_name
from bridge.language.syntax.mistakes.forms import CLAUSE_FORMS, STATEMENT_FORMS

_MAX_TEXT = 1_000
_WORD = re.compile(r"\w+")
_ATTRIBUTES = {
    "rule": "the rule that raised the alert",
    "priority": "the alert's priority",
    "source": "the alert source: syscall, or that of a plugin",
    "hostname": "the node on which Falco runs",
    "tags": "the rule's tags",
    "output": "the text that Falco printed",
    "time": "the event's time, in nanoseconds since the epoch",
}


def hover(snapshot: Snapshot, path: str, name: Name) -> str:
    """What a name means. Empty if nothing is known about it."""
    match name.kind:
        case Kind.FIELD:
            return _field(name.text) or _defined(snapshot, path, name)
        case Kind.RULE:
            return _rule(snapshot, name.text)
        case Kind.CHANNEL:
            return _channel(snapshot, path, name)
        case Kind.FILE | Kind.TEST:
            return ""
        case _:
            return _defined(snapshot, path, name)


def keyword_help(word: str) -> str:
    """How a clause or a statement is written. Empty for other words."""
    form = CLAUSE_FORMS.get(word) or STATEMENT_FORMS.get(word)
    return "" if form is None else _code(form)


def word_at(text: str, offset: int) -> str:
    """The word at a place, or the one that ends there."""
    words = _WORD.finditer(text, text.rfind("\n", 0, offset) + 1)
    return next((word[0] for word in words if word.start() <= offset <= word.end()), "")


def field_line(name: str) -> str:
    """The type, source and provider of a field on one line. Empty for an unknown field."""
    if name in ATTRIBUTES:
        return f"{_ATTRIBUTES[name]}; {kind_name(ATTRIBUTES[name])}"
    known, kind = find_field(name), field_kind(name)
    if known is None or kind is None:
        return ""
    source = "every alert source" if known.source == "*" else f"alert source {known.source}"
    provider = "Falco" if known.provider == "libs" else known.provider
    return f"{kind_name(kind)}; {source}; from {provider}"


def _field(name: str) -> str:
    line = field_line(name)
    return f"**{name}**  \n{line}" if line else ""


def _rule(snapshot: Snapshot, text: str) -> str:
    rule = None if snapshot.rules is None else snapshot.rules.rules.get(text)
    if rule is None:
        return ""
    tags = f"  \ntags: {', '.join(rule.tags)}" if rule.tags else ""
    fields = ", ".join(sorted(rule.fields))
    head = f"**{_plain(text)}**  \npriority {rule.priority.word}; alert source {rule.source}{tags}"
    return f"{head}  \noutput fields: {fields}" if fields else head


def _channel(snapshot: Snapshot, path: str, name: Name) -> str:
    place = definition(snapshot, path, name)
    if place is None:
        return ""
    if place.path in snapshot.files:
        return _defined(snapshot, path, name)
    return f"channel **{name.text}**  \ndefined in {place.path}, line {place.line}"


def _defined(snapshot: Snapshot, path: str, name: Name) -> str:
    """The text of the statement that defines a name."""
    place = definition(snapshot, path, name)
    if place is None:
        return ""
    file = snapshot.files.get(place.path)
    if file is None:
        return _of_falco(snapshot, name)
    whole = next(
        (each.span for each in file.parsed.file.statements if each.span.start <= place.start < each.span.end), place
    )
    text = file.source.text[whole.start : whole.end]
    if name.kind is Kind.ROUTE:
        text = text.partition("\n")[0]
    where = "" if place.path == path else f"  \nfrom {place.path}"
    return f"{_code(text)}{where}"


def _of_falco(snapshot: Snapshot, name: Name) -> str:
    rules = snapshot.rules
    if rules is None:
        return ""
    items = ", ".join(rules.lists.get(name.text, ()))
    value = f"({items})" if name.kind is Kind.LIST else rules.macros.get(name.text, "")
    return f"{_code(f'{name.kind} {name.text} = {value}')}  \nfrom Falco's rules"


def _code(text: str) -> str:
    shown = text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …"
    fence = "```"
    while fence in shown:
        fence += "`"
    return f"{fence}route\n{shown}\n{fence}"


def _plain(text: str) -> str:
    """Text without what Markdown would format."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>" else letter for letter in text)
