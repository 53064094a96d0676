"""The ``.route`` language: text → syntax tree → checked program; diagnostics as values. Pure."""

from bridge.language.check import Checked, check, check_condition
from bridge.language.diagnostic import Code, Diagnostic, Severity
from bridge.language.program import Program, Route
from bridge.language.scope import Known
from bridge.language.source import Source, Span

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
