"""Checks what the texts of a body template refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.channels.message.body_names import BODY_NAMES
from bridge.common.suggest import did_you_mean
from bridge.config.body.template import BodyText
from bridge.language.checker.conditions.operands import unknown_field
from bridge.language.checker.statements.text_check import foreign_fields
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity
from bridge.language.diagnostics.source import Span
from bridge.language.program.fields.kinds import LABEL, argument_problem, field_kind
from bridge.language.program.template import parse_template


def body_problems(text: BodyText, labels: Collection[str], added: Collection[str]) -> Iterator[Diagnostic]:
    """The errors of one text. ``added`` are the fields of the config's ``fields``."""
    template = parse_template(text.text)
    foreign = {match.start(): field for match, field in foreign_fields(text.text) if match["go"] or match["index"]}
    for field in foreign.values():
        message = f"the Go template of `{field}` is sent as it is: values are written as `%field`"
        yield Diagnostic(Code.BAD_TEMPLATE, message, text.span, f"write `%{field}`")
    if template.stray:
        message = "`%` is not followed by a name"
        yield Diagnostic(Code.BAD_TEMPLATE, message, text.span, "for a percent sign: %%")
    for slot in template.slots:
        problem = _problem(slot.name, text.span, labels, added)
        if problem is not None and problem.severity is Severity.ERROR:
            yield problem
        elif not text.is_of_one and not slot.name.startswith(LABEL):
            message = f"`%{slot.name}` beside `%each` is the value of one alert, and the body holds several"
            yield Diagnostic(Code.BAD_TEMPLATE, message, text.span, "move it below `%each`; labels may stay")


def _problem(name: str, span: Span, labels: Collection[str], added: Collection[str]) -> Diagnostic | None:
    if name.startswith(LABEL):
        label = name.removeprefix(LABEL)
        if label in labels:
            return None
        return Diagnostic(Code.UNKNOWN_LABEL, f"unknown label `{label}`", span, did_you_mean(label, labels))
    if problem := argument_problem(name):
        return Diagnostic(Code.UNKNOWN_FIELD, problem[0], span, problem[1])
    if name in BODY_NAMES or name in added or field_kind(name) is not None:
        return None
    if "." not in name:
        hint = did_you_mean(name, BODY_NAMES) or f"names without a dot: {', '.join(sorted(BODY_NAMES))}"
        return Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `%{name}`", span, hint)
    return unknown_field(name, span)
