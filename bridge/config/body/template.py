"""Reads the body template of a channel: any JSON, with references to values of the alert in its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bridge.channels.message.body_names import CONCAT, EACH, ELSE, MATCH, OPERATORS
from bridge.common.secret import Secret
from bridge.common.suggest import did_you_mean
from bridge.config.reading.document import REFERENCE, Document, Note
from bridge.config.reading.references import References
from bridge.language.diagnostics.diagnostic import Code
from bridge.language.diagnostics.source import Span

_DEEPEST = 20
_MOST_VALUES = 2000
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class BodyText:
    """A text of a body as it is written, without the values of its ``${…}``."""

    text: str
    span: Span
    is_of_one: bool
    """Whether it is filled with the values of one alert. Beside ``%each`` it is not."""


class InvalidBodyError(Exception):
    """The body cannot be used. What is wrong has been noted."""


class BodyReader:
    """Reads one body. Errors are noted; ``texts`` are what the template refers to."""

    def __init__(self, document: Document, references: References, note: Note, *, with_secrets: bool) -> None:
        self._document = document
        self._references = references
        self._note = note
        self._with_secrets = with_secrets
        self._count = 0
        self._has_seen_each = False
        self._is_invalid = False
        self.texts: list[BodyText] = []

    def read(self, node: yaml.Node) -> Any:
        """The template, with secrets as ``Secret``. Raises InvalidBodyError."""
        if not isinstance(node, yaml.MappingNode | yaml.SequenceNode) or not node.value:
            self._fail(node, "`body` must be a mapping or a list", 'such as body: {text: "%output"}')
        value = self._value(node, 1, is_of_one=not self._has_each(node))
        if self._is_invalid:
            raise InvalidBodyError
        return value

    def _has_each(self, node: yaml.Node) -> bool:
        mappings = (each for each in _nodes(node) if isinstance(each, yaml.MappingNode))
        return any(key.value == EACH for each in mappings for key, _ in each.value)

    def _value(self, node: yaml.Node, depth: int, *, is_of_one: bool) -> Any:
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_VALUES:
            hint = f"at most {_DEEPEST} levels and {_MOST_VALUES} values"
            self._fail(node, "the body is too large", hint)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth, is_of_one=is_of_one)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._value(each, depth + 1, is_of_one=is_of_one) for each in node.value)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, is_of_one=is_of_one)

    def _mapping(self, node: yaml.MappingNode, depth: int, *, is_of_one: bool) -> Any:
        names = [str(key.value) if isinstance(key, yaml.ScalarNode) else "" for key, _ in node.value]
        self._check_names(node, names)
        if EACH in names:
            if self._has_seen_each:
                self._wrong(node, "a body has one `%each`", "it stands for every alert of the request")
            self._has_seen_each = True
        return {
            name: self._value(inner, depth + 1, is_of_one=is_of_one or name == EACH)
            for name, (_, inner) in zip(names, node.value, strict=True)
        }

    def _check_names(self, node: yaml.MappingNode, names: list[str]) -> None:
        for name, (key, inner) in zip(names, node.value, strict=True):
            self._document.show(key)
            if not isinstance(key, yaml.ScalarNode) or (name == "<<" and key.style is None):
                self._wrong(key, "a key of a body must be a text", 'write "NAME": VALUE')
            elif names.count(name) > 1:
                self._wrong(key, f"`{name}` is given twice", "keep one")
            elif name.startswith("%") and name not in OPERATORS and not (name == ELSE and MATCH in names):
                hint = f"{EACH} makes an item for each alert, {MATCH} chooses a value; other keys do not start with %"
                self._wrong(key, f"unknown key `{name}`", did_you_mean(name, OPERATORS) or hint)
            elif name == EACH and len(names) > 1:
                self._wrong(key, f"`{EACH}` has other keys beside it", "indent them below it")
            elif name == MATCH and not isinstance(inner, yaml.ScalarNode):
                self._wrong(key, f"`{MATCH}` needs a text", f'such as "{MATCH}": "%severity"')

    def _scalar(self, node: yaml.ScalarNode, *, is_of_one: bool) -> Any:
        refers = REFERENCE.search(node.value) is not None
        (self._document.show if "%" in node.value and not refers else self._document.show_partly)(node)
        if node.style is None:
            if node.value in _WORDS:
                return _WORDS[node.value]
            if _NUMBER.fullmatch(node.value):
                return float(node.value) if "." in node.value else int(node.value)
        parts = list(self._parts(node, is_of_one=is_of_one))
        return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else {CONCAT: tuple(parts)}

    def _parts(self, node: yaml.ScalarNode, *, is_of_one: bool) -> Iterator[str | Secret]:
        text, at = "", 0
        for match in REFERENCE.finditer(node.value):
            text += node.value[at : match.start()]
            at = match.end()
            if match["name"] is None:
                text += "${"
                continue
            if text:
                yield self._text(text, node, is_of_one=is_of_one)
            text = ""
            yield self._secret(match[0], node)
        text += node.value[at:]
        if text or not at:
            yield self._text(text, node, is_of_one=is_of_one)

    def _text(self, text: str, node: yaml.ScalarNode, *, is_of_one: bool) -> str:
        self.texts.append(BodyText(text, self._document.span(node), is_of_one))
        return text

    def _secret(self, reference: str, node: yaml.ScalarNode) -> Secret:
        if not self._with_secrets:
            return Secret("")
        value = self._references.resolve(reference)
        for message, hint in self._references.take_problems():
            self._note(Code.SECRET_UNAVAILABLE, self._document.span(node), message, hint)
            self._is_invalid = True
        return Secret(value or "")

    def _wrong(self, node: yaml.Node, message: str, hint: str) -> None:
        """Note an error, and read on: all errors of a body are reported at once."""
        self._note(Code.WRONG_SHAPE, self._document.span(node), message, hint)
        self._is_invalid = True

    def _fail(self, node: yaml.Node, message: str, hint: str) -> None:
        self._wrong(node, message, hint)
        raise InvalidBodyError


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """The node and those below it, each once: an alias may lead back."""
    pending, seen = [root], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            pending += [each[1] if isinstance(each, tuple) else each for each in node.value]
