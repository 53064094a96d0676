"""Checks the titles and messages of routes and templates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bridge.common.suggest import did_you_mean
from bridge.language.checker.conditions.operands import unknown_field
from bridge.language.checker.places import within
from bridge.language.checker.scope import NameKind, Scope
from bridge.language.checker.tables import wrong_urls
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.diagnostics.source import Span
from bridge.language.program.fields.kinds import ATTRIBUTES, LABEL, argument_problem, field_kind
from bridge.language.program.link import MAX_LINKS, MAX_NAME, Link, template_problem
from bridge.language.program.template import parse_template
from bridge.language.syntax import tree as syntax

_NAME = r"[A-Za-z]\w*(?:\.[A-Za-z][\w-]*)*(?:\[[^\]\n]{1,80}\])?"
_FOREIGN = re.compile(
    rf"[%$]\{{(?P<braced>{_NAME})\}}|(?<!\{{)\{{(?P<format>{_NAME})\}}(?!\}})|\$(?P<dollar>{_NAME})|\{{\{{-?\s*\.(?P<go>{_NAME})\s*-?\}}\}}"
    rf"|\{{\{{-?\s*index\s+\.OutputFields\s+[\"`'](?P<index>{_NAME})[\"`']\s*-?\}}\}}"
)
_GO_NAMES = {
    "Rule": "rule", "Priority": "priority", "Source": "source", "Output": "output", "Hostname": "hostname",
    "Tags": "tags", "Time": "time",
}  # fmt: skip
"""Falcosidekick's names of an alert's attributes."""
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
            if word.text not in self._scope.broken and not self._scope.incomplete:
                hint = self._scope.suggest(NameKind.TEMPLATE, word.text) or (
                    "define it: template NAME { title … message … }"
                )
                self._report(Code.UNKNOWN_TEMPLATE, f"unknown template `{word.text}`", word.span, hint)
            return Texts()
        texts = {each.keyword: each.value.text for each in definition.texts}
        return Texts(texts.get("title"), texts.get("message"))

    def check(self, word: syntax.Word | None, others: Collection[str] = ("2",)) -> str | None:
        """Check a text and return it. ``others`` are the steps and joins of the route: ``2``, ``audit``."""
        if word is None:
            return None
        template = parse_template(word.text)
        foreign = [(match.start(), match.end(), field) for match, field in foreign_fields(word.text)]
        for start, end, field in foreign:
            span = within(word, start, end)
            code = Code.BAD_TEMPLATE if word.text[start] == "%" else Code.FOREIGN_SYNTAX
            fix = None if span is word.span else Fix(span.start, span.end, f"%{field}", certain=True)
            message = f"`{word.text[start:end]}` is printed as it is: fields are written as `%field`"
            self._problems.append(Diagnostic(code, message, span, f"write `%{field}`", fix=fix))
        for offset in template.stray:
            if not any(start <= offset < end for start, end, _ in foreign):
                span = within(word, offset, offset + 1)
                self._report(Code.BAD_TEMPLATE, "`%` is not followed by a field", span, "for a percent sign: %%")
        for slot in template.slots:
            end = word.text.index(slot.name, slot.offset) + len(slot.name)
            problem = self._slot_problem(_without(slot.name, others), within(word, slot.offset, end))
            if problem is not None:
                self._problems.append(problem)
        return word.text

    def shown(self, fields: Sequence[syntax.FieldName], others: Collection[str]) -> tuple[str, ...]:
        """Check the fields that a message shows. ``others`` as in ``check``."""
        first: dict[str, Span] = {}
        for each in fields:
            problem = self._slot_problem(_without(each.text, others), each.span)
            if problem is not None:
                self._problems.append(problem)
            if each.text in first:
                related = (("first given here", first[each.text]),)
                message = f"`{each.text}` is given twice"
                self._problems.append(Diagnostic(Code.REPEATED_CLAUSE, message, each.span, "remove one", related))
            first.setdefault(each.text, each.span)
        return tuple(first)

    def links(self, clauses: Sequence[syntax.LinkClause], others: Collection[str]) -> tuple[Link, ...]:
        """Check the links of a route. ``others`` as in ``check``."""
        found: list[Link] = []
        for clause in clauses:
            if not 0 < len(clause.name.text.strip()) <= MAX_NAME:
                hint = f"from 1 to {MAX_NAME} characters"
                self._report(Code.BAD_LINK, "the name of the link has a wrong length", clause.name.span, hint)
            if isinstance(clause.url, syntax.FieldName):
                if self._is_column(clause.url):
                    found.append(Link(clause.name.text, f"%{clause.url.text}"))
                continue
            url = self.check(clause.url, others) or ""
            if url.startswith("%") and self._scope.table_of(url[1:]) is not None:
                hint = f"write it without quotes: {url[1:]}"
                self._report(Code.BAD_LINK, "the URL is a column of a table", clause.url.span, hint)
            elif problem := template_problem(url):
                self._report(Code.BAD_LINK, f"the URL {problem}", clause.url.span, 'like "https://wiki.example/shells"')
            found.append(Link(clause.name.text, url))
        if len(clauses) > MAX_LINKS:
            hint = f"a message has at most {MAX_LINKS}"
            self._report(Code.BAD_LINK, f"the route has {len(clauses)} links", clauses[MAX_LINKS].span, hint)
        return tuple(found)

    def _is_column(self, written: syntax.FieldName) -> bool:
        """Whether a field is a column of a table whose values are URLs. Reports what is wrong."""
        name = self._scope.table_of(written.text)
        if name is None:
            hint = 'write a URL in quotes, or a column of a table: link "Runbook" owners.runbook'
            self._report(Code.BAD_LINK, f"`{written.text}` is not a column of a table", written.span, hint)
            return False
        if problem := self._scope.column_problem(written.text, written.span):
            self._problems.append(problem)
            return False
        file = self._scope.tables.get(name)
        if file is not None:
            self._problems += wrong_urls(file, written)
        return True

    def _slot_problem(self, name: str, span: Span) -> Diagnostic | None:
        labels = self._scope.known.labels
        if name.startswith(LABEL):
            label = name.removeprefix(LABEL)
            if labels is None or label in labels:
                return None
            return Diagnostic(Code.UNKNOWN_LABEL, f"unknown label `{label}`", span, did_you_mean(label, labels))
        if problem := argument_problem(name):
            return Diagnostic(Code.UNKNOWN_FIELD, problem[0], span, problem[1])
        if self._scope.table_of(name) is not None:
            return self._scope.column_problem(name, span)
        if name in _TEMPLATE_NAMES or name in self._scope.added_fields or field_kind(name) is not None:
            return None
        if "." not in name:
            hint = did_you_mean(name, _TEMPLATE_NAMES) or "for a percent sign: %%"
            return Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `%{name}`", span, hint)
        return unknown_field(name, span)

    def _report(self, code: Code, message: str, span: Span, hint: str) -> None:
        self._problems.append(Diagnostic(code, message, span, hint))


def _without(name: str, others: Collection[str]) -> str:
    """The field of another alert: ``ka.user.name`` of ``audit.ka.user.name``."""
    first, _, rest = name.partition(".")
    return rest if first in others and rest else name


def foreign_fields(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Fields in the syntax of other tools: ``%{proc.name}``, ``{{ .Rule }}``, ``$proc.name``; each with its name."""
    for match in _FOREIGN.finditer(text):
        name = match["braced"] or match["format"] or match["dollar"] or match["go"] or match["index"] or ""
        name = _GO_NAMES.get(name, name.removeprefix("OutputFields."))
        if name in _TEMPLATE_NAMES or ("." in name and field_kind(name) is not None):
            yield match, name
