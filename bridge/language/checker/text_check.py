"""Checks the titles and messages of routes and templates."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.common.suggest import did_you_mean
from bridge.language.checker.operands import unknown_field
from bridge.language.checker.scope import NameKind, Scope
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.kinds import ATTRIBUTES, LABEL, field_kind
from bridge.language.program.template import parse_template
from bridge.language.syntax import tree as syntax

_TEMPLATE_NAMES = (*ATTRIBUTES, "route", "severity", "message", "count", "suppressed", "first", "last")


@dataclass(frozen=True, slots=True)
class Texts:
    """The title and the message of a route or a template."""

    title: str | None = None
    message: str | None = None


class TextChecker:
    """Checks texts in the scope of a file. Problems are added to ``problems``."""

    def __init__(self, scope: Scope, problems: list[Diagnostic]) -> None:
        self._scope = scope
        self._problems = problems

    def of_template(self, word: syntax.Word | None) -> Texts:
        """The texts of the template that ``use`` names."""
        if word is None:
            return Texts()
        definition = self._scope.find(NameKind.TEMPLATE, word.text)
        if not isinstance(definition, syntax.TemplateStatement):
            if word.text not in self._scope.broken:
                hint = did_you_mean(word.text, self._scope.all(NameKind.TEMPLATE)) or (
                    "define it: template NAME { title … message … }"
                )
                self._report(Code.UNKNOWN_TEMPLATE, f"unknown template `{word.text}`", word.span, hint)
            return Texts()
        texts = {each.keyword: each.value.text for each in definition.texts}
        return Texts(texts.get("title"), texts.get("message"))

    def check(self, word: syntax.Word | None) -> str | None:
        """Check a text and return it."""
        if word is None:
            return None
        template = parse_template(word.text)
        for offset in template.stray:
            span = _within(word, offset, offset + 1)
            self._report(Code.BAD_TEMPLATE, "`%` is not followed by a field", span, "for a percent sign: %%")
        for slot in template.slots:
            end = word.text.index(slot.name, slot.offset) + len(slot.name)
            problem = self._slot_problem(slot.name, _within(word, slot.offset, end))
            if problem is not None:
                self._problems.append(problem)
        return word.text

    def _slot_problem(self, name: str, span: Span) -> Diagnostic | None:
        labels = self._scope.known.labels
        if name.startswith(LABEL):
            label = name.removeprefix(LABEL)
            if labels is None or label in labels:
                return None
            return Diagnostic(Code.UNKNOWN_LABEL, f"unknown label `{label}`", span, did_you_mean(label, labels))
        if name in _TEMPLATE_NAMES or field_kind(name) is not None:
            return None
        if "." not in name:
            hint = did_you_mean(name, _TEMPLATE_NAMES) or "for a percent sign: %%"
            return Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `%{name}`", span, hint)
        return unknown_field(name, span)

    def _report(self, code: Code, message: str, span: Span, hint: str) -> None:
        self._problems.append(Diagnostic(code, message, span, hint))


def _within(word: syntax.Word, start: int, end: int) -> Span:
    """The span of a part of a string; the whole string if it contains escapes or line breaks."""
    span = word.span
    if len(word.text) + len('""') != span.end - span.start or "\n" in word.text:
        return span
    return Span(span.path, span.start + 1 + start, span.start + 1 + end, span.line, span.column + 1 + start)
