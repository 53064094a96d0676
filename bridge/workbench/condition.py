"""A condition on its own, with the macros, lists and Falco rules of imported files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.alert import Alert
from bridge.language.checker.build_scopes import tables_of
from bridge.language.checker.check import check_condition
from bridge.language.checker.files import Gathered, gather
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.text_alerts import TextAlerts
from bridge.language.program.condition import Condition
from bridge.language.syntax.tree import RedactStatement
from bridge.matching import Predicate, compile_condition
from bridge.routing.tables import Tables
from bridge.workbench.routes import merge_rules, read_import

CONDITION = "CONDITION"
"""The path of the condition's text in diagnostics."""


@dataclass(frozen=True, slots=True)
class LoadedCondition:
    """A checked condition, compiled."""

    condition: Condition
    predicate: Predicate
    text_alerts: TextAlerts
    tables: Tables
    redacted: frozenset[str] = frozenset()
    """The fields that the imported files redact. Stored alerts lack what was removed from them."""

    def complete(self, alert: Alert) -> Alert:
        """The alert as routes see it: with what a text alert leaves out, and with the columns of tables."""
        return self.tables.added(self.text_alerts.completed(alert))


@dataclass(frozen=True, slots=True)
class ConditionErrors:
    """Why a condition cannot be used, with the texts that the diagnostics quote."""

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, SourceText]


def load_condition(text: str, imports: Sequence[Path], labels: Mapping[str, str]) -> LoadedCondition | ConditionErrors:
    """Check and compile a condition with the names that the ``.route`` files in ``imports`` define."""
    source = SourceText(CONDITION, text)
    sources = {CONDITION: source}
    for path in imports:
        imported = read_import("", str(path))
        if isinstance(imported, str):
            return ConditionErrors((Diagnostic(Code.CANNOT_IMPORT, imported, Span(str(path), 0, 0, 1, 1)),), sources)
        sources[imported.path] = imported
    gathered = gather(tuple(each for each in sources.values() if each is not source), read_import)
    known = Known(None, labels or None)
    checked = check_condition(source, known, gathered)
    if isinstance(checked, tuple):
        return ConditionErrors(checked, {**gathered.sources, **sources})
    rules = merge_rules(file.rules for file in gathered.files.values())
    text_alerts = TextAlerts(() if rules is None else rules.rules.values())
    tables = Tables(tables_of(list(gathered.files.values()), known), labels)
    return LoadedCondition(checked, compile_condition(checked, labels), text_alerts, tables, _redacted(gathered))


def _redacted(gathered: Gathered) -> frozenset[str]:
    statements = [each for file in gathered.files.values() for each in file.parsed.file.statements]
    return frozenset(field.text for each in statements if isinstance(each, RedactStatement) for field in each.fields)
