"""Reads the plain values of a config: texts with their references, and secrets. Every error is noted with its place."""

from __future__ import annotations

import re
from typing import Any

import yaml

from bridge.common.secret import Secret
from bridge.config.reading.document import REFERENCE, Document, Note, Place
from bridge.config.reading.hints import check_nothing, not_plain
from bridge.config.reading.plain_values import expected_plain, parse_plain
from bridge.config.reading.references import References
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.config.schema.keys import Key
from bridge.language.diagnostics.diagnostic import Code, Diagnostic

FAILED: Any = object()
"""What a value with an error gives."""
_OPEN_REFERENCE = re.compile(r"(?<!\$)\$\{[^}]*$")
_BARE_VARIABLE = re.compile(r"\$([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b")
_CREDENTIALS = re.compile(r"://[^/\s]*@")


class ScalarReader:
    """Reads the scalars of one document. ``with_secrets`` and ``check_plain_secrets`` are as in ``Binder``."""

    def __init__(
        self, document: Document, references: References, note: Note, *, with_secrets: bool, check_plain_secrets: bool
    ) -> None:
        self._document = document
        self._references = references
        self._note = note
        self._with_secrets = with_secrets
        self._check_plain_secrets = check_plain_secrets
        self.warnings: list[Diagnostic] = []
        self.referring: set[Place] = set()
        """The values that contain a ``${…}``."""

    def read(self, declared: Any, node: yaml.Node, key: Key, place: Place) -> Any:
        """The value of a scalar; FAILED where there is an error, which is noted."""
        secret = isinstance(declared, type) and issubclass(declared, Secret)
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
            self._note(Code.WRONG_SHAPE, self._document.span(node), *not_plain(node, key))
            return FAILED
        (self._document.show_partly if secret or _CREDENTIALS.search(node.value) else self._document.show)(node)
        refers = REFERENCE.search(node.value) is not None
        if secret and not self._with_secrets and (refers or not self._check_plain_secrets):
            if refers:
                self.referring.add(place)
            return declared("")
        if secret:
            self._warn_of_variable(node)
        text = self._resolved(declared, node, place)
        if text is None:
            return FAILED
        if key.none_word and text == key.none_word:
            return None
        value = self._parsed(declared, text, node, key, "" if secret or place in self.referring else f": `{text}`")
        if isinstance(value, Secret):
            value.file = self._references.whole_file
        return value

    def _resolved(self, declared: Any, node: yaml.ScalarNode, place: Place) -> str | None:
        """The text with its references replaced; None, with the errors noted, where one cannot be."""
        text = self._references.resolve(node.value)
        if self._references.used:
            self.referring.add(place)
        problems = self._references.take_problems()
        if problems and declared is str and self._check_plain_secrets and not self._with_secrets:
            return str(node.value)  # any text is valid, and the variable is set elsewhere
        for message, hint in problems:
            self._note(Code.SECRET_UNAVAILABLE, self._document.span(node), message, hint)
        return text

    def _parsed(self, declared: Any, text: str, node: yaml.Node, key: Key, shown: str) -> Any:
        try:
            check_nothing(text, key)
            return parse_plain(declared, text, key, self._document.folder)
        except InvalidValueError as error:
            hint = error.hint or f"write {expected_plain(declared, key)}"
            self._note(error.code, self._document.span(node), error.message or f"invalid `{key.name}`{shown}", hint)
            return FAILED

    def _warn_of_variable(self, node: yaml.ScalarNode) -> None:
        if _OPEN_REFERENCE.search(node.value) is not None:
            span = self._document.span(node)
            self.warnings.append(Diagnostic(Code.UNREPLACED_VARIABLE, "a `${` is never closed", span, "add `}`"))
        variable = _BARE_VARIABLE.search(node.value)
        if variable is not None:
            hint = f"write `${{{variable[1]}}}` for the value of the variable"
            message = f"`${variable[1]}` is not replaced"
            self.warnings.append(Diagnostic(Code.UNREPLACED_VARIABLE, message, self._document.span(node), hint))
