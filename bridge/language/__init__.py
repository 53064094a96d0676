"""The ``.route`` language: text → syntax tree → checked program; diagnostics as values. Pure."""

from bridge.language.checker.check import Checked, check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity
from bridge.language.diagnostics.source import Source, Span
from bridge.language.program.program import Program, Route

__all__ = [
    "Checked",
    "Code",
    "Diagnostic",
    "Known",
    "Program",
    "Route",
    "Severity",
    "Source",
    "Span",
    "check",
    "check_condition",
]
