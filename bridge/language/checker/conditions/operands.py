"""Checks the operands of conditions: fields, transformers and their arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from bridge.alert.catalogue import catalogue, event_arguments, families, unknown_argument
from bridge.common.suggest import did_you_mean, suggest_field
from bridge.language.checker.scope import NameKind, Scope
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix, Severity
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Call, Field, Kind, Literal, Operand, Pack
from bridge.language.program.fields.kinds import (
    ATTRIBUTES,
    BUILT_IN,
    LABEL,
    NUMERIC,
    argument_problem,
    field_kind,
    kind_name,
)
from bridge.language.program.fields.transformers import NAMES, VAL, kind_of, result_kind
from bridge.language.syntax import tree as syntax

_TEXTUAL = frozenset({Kind.TEXT, Kind.BYTES, Kind.UNKNOWN, Kind.LIST})
_COUNTS = "a condition is about one alert; for repeated alerts add the clause: after 5 in 5m"
_WRAPPERS = frozenset({"alert", "alerts", "falco", "event", "events", "fields", "data", "record", "output", "labels"})
"""Names of other tools for the object that holds an alert's fields."""
_ITEMS = _TEXTUAL | NUMERIC
"""Kinds of fields allowed in a list inside a transformer."""


class Broken(Exception):  # noqa: N818  # control flow: the diagnostic is already recorded
    """The condition has an error. Other conditions are still checked."""


@dataclass(frozen=True, slots=True)
class Operands:
    """Checks operands in a scope. Adds errors to ``problems`` and raises Broken, except ``field_name``."""

    scope: Scope
    problems: list[Diagnostic]

    def field_name(self, written: syntax.FieldName) -> str | None:
        """The name of a field outside a condition. None after an error."""
        try:
            return self.field(written).name
        except Broken:
            return None

    def field(self, written: syntax.FieldName) -> Field:
        """Check a field."""
        kind = field_kind(written.text)
        if kind is None and self.scope.table_of(written.text) is not None:
            return self._column(written)
        if kind is None and written.text in self.scope.added_fields:
            return Field(written.text, Kind.TEXT, written.span)
        if kind is None and "." not in written.text:
            raise self._unknown_name(written)
        if problem := argument_problem(written.text):
            raise self.wrong(Code.UNKNOWN_FIELD, problem[0], written.span, problem[1])
        if argument := unknown_argument(written.text):
            hint = did_you_mean(argument, event_arguments()) or "see the events in Falco's documentation"
            message = f"no event of Falco 0.44 has the argument `{argument}`: Falco does not start with this field"
            self.problems.append(Diagnostic(Code.UNLISTED_FIELD, message, written.span, hint))
        if written.text.startswith(LABEL):
            self._check_label(written)
        elif kind is None:
            unknown = unknown_field(written.text, written.span)
            if unknown is not None:
                self.problems.append(unknown)
                if unknown.severity is Severity.ERROR:
                    raise Broken
        return Field(written.text, kind or Kind.UNKNOWN, written.span)

    def _unknown_name(self, written: syntax.FieldName) -> Broken:
        """The error of a name without a dot."""
        name = written.text
        if self.scope.find(NameKind.MACRO, name) is not None:
            hint = f"write `{name}` alone, or `not {name}`"
            return self.wrong(Code.UNKNOWN_FIELD, f"`{name}` is a macro, which has no value", written.span, hint)
        hint = (
            _COUNTS * (name in {"count", "rate", "occurrences"})
            or suggest_field(name)
            or did_you_mean(name, ATTRIBUTES)
            or f"names without a dot: {', '.join(ATTRIBUTES)}, and what the imported falco.yaml appends"
        )
        return self.wrong(Code.UNKNOWN_FIELD, f"unknown field `{name}`", written.span, hint)

    def _column(self, written: syntax.FieldName) -> Field:
        problem = self.scope.column_problem(written.text, written.span)
        if problem is not None:
            self.problems.append(problem)
            raise Broken
        return Field(written.text, Kind.TEXT, written.span)

    def _check_label(self, written: syntax.FieldName) -> None:
        labels = self.scope.known.labels
        name = written.text.removeprefix(LABEL)
        if labels is not None and name not in labels:
            hint = did_you_mean(name, labels) or "labels are defined in the config"
            raise self.wrong(Code.UNKNOWN_LABEL, f"unknown label `{name}`", written.span, hint)

    def call(self, written: syntax.Transform) -> Call:
        """Check a transformer and its arguments."""
        name = written.name.text
        if name not in NAMES:
            hint = did_you_mean(name, NAMES) or f"one of {', '.join(NAMES)}"
            raise self.wrong(Code.UNKNOWN_TRANSFORMER, f"unknown transformer `{name}`", written.name.span, hint)
        arguments = tuple(self._argument(argument) for argument in written.arguments)
        kind = result_kind(name, arguments, written.selector)
        if isinstance(kind, str):
            raise self.wrong(Code.WRONG_ARGUMENTS, kind, written.span)
        return Call(name, arguments, kind, written.span, written.selector)

    def _argument(self, written: syntax.CallArgument) -> Operand:
        match written:
            case syntax.FieldName():
                return self.field(written)
            case syntax.Word():
                return Literal(written.text.partition("\0")[0], written.quoted, written.span)
            case syntax.Arguments():
                return self._pack(written)
            case syntax.Transform():
                if written.name.text == VAL:
                    raise self.wrong(Code.WRONG_ARGUMENTS, "val() is not allowed inside a transformer", written.span)
                return self.call(written)
            case _:
                assert_never(written)

    def _pack(self, written: syntax.Arguments) -> Pack:
        """Check a list inside a transformer: texts, numbers as printed, items of lists."""
        values = tuple(self._argument(item) for item in written.items)
        for value in values:
            if isinstance(value, Pack) or kind_of(value) not in (_ITEMS if isinstance(value, Field) else _TEXTUAL):
                message = f"items of this list must be text, but this is {kind_name(kind_of(value))}"
                raise self.wrong(Code.WRONG_ARGUMENTS, message, value.span)
        return Pack(values, written.span)

    def left(self, written: syntax.LeftOperand) -> Field | Call:
        """Check the left side of an operator."""
        if isinstance(written, syntax.FieldName):
            return self.field(written)
        if written.name.text == VAL:
            raise self.wrong(
                Code.WRONG_ARGUMENTS, "val() is only allowed on the right side", written.span, "remove val()"
            )
        return self.call(written)

    def wrong(self, code: Code, message: str, span: Span, hint: str = "", fix: Fix | None = None) -> Broken:
        """Record an error. The caller raises the result."""
        self.problems.append(Diagnostic(code, message, span, hint, fix=fix))
        return Broken()


def unknown_field(name: str, span: Span) -> Diagnostic | None:
    """The problem of an unknown field. None if its first word belongs to no known plugin: it may be a custom plugin.

    A field of a known plugin is a warning: a newer version of the plugin may have it.
    """
    base = name.partition("[")[0]
    family = base.partition(".")[0]
    if family in families() and not families()[family] & BUILT_IN:
        hint = did_you_mean(base, (each for each in catalogue() if each.startswith(f"{family}.")))
        hint = hint or f"known ones: falco-bridge fields '{family}.*'; list others in a file: `fields` of the config"
        plugin = min(families()[family])
        return Diagnostic(Code.UNLISTED_FIELD, f"`{name}` is not in the catalogue of the plugin {plugin}", span, hint)
    hint = suggest_field(base) or _longer_name(base) or did_you_mean(base, (*catalogue(), *ATTRIBUTES))
    if not hint and family in families():
        hint = f"run: falco-bridge fields '{family}.*'; newer ones: `fields` of the config"
    return Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `{name}`", span, hint) if hint else None


def _longer_name(name: str) -> str:
    """The shortest field that ends with this name (``pod.name``), or the name without its wrapper (``alert.rule``)."""
    labels, _, label = name.partition(".labels.")
    if label and f"{labels}.label" in catalogue():
        return f"did you mean `{labels}.label[{label}]`?"
    first, _, rest = name.partition(".")
    if first in _WRAPPERS and (rest in ATTRIBUTES or rest in catalogue()):
        return f"did you mean `{rest}`?"
    found = [each for each in catalogue() if each.endswith(f".{name}") and not each.startswith("k8smeta.")]
    return f"did you mean `{min(found, key=len)}`?" if found else ""
