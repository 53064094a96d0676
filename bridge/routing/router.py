"""The router: from an alert to what is stored and sent. Pure: state and time are arguments.

Intake, ``test``, ``explain`` and route tests all decide through this module, so that they agree. An alert passes three
steps: ``complete`` recovers what a text alert leaves out, ``step`` decides about the original, and ``route`` adds the
redacted alert that is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.alert import Alert
from bridge.language.falco.rules import FalcoRule
from bridge.language.falco.text_alerts import TextAlerts
from bridge.language.program.program import Program
from bridge.matching import Matcher
from bridge.routing.decide import NOTHING, decide
from bridge.routing.decision import Entry, Routed
from bridge.routing.redaction import Redactor
from bridge.routing.state import State, Timer


class Router:
    """A checked program, compiled. A reload replaces the whole router. Used by one thread at a time."""

    def __init__(self, program: Program, labels: Mapping[str, str], falco_rules: Iterable[FalcoRule] = ()) -> None:
        """``falco_rules`` are the rules that ``complete`` recognises text alerts by."""
        self.program = program
        self._matcher = Matcher(program, labels)
        self._text_alerts = TextAlerts(falco_rules)
        self._redactor = Redactor(program.redactions)

    def complete(self, alert: Alert) -> Alert:
        """The alert with its rule, source, tags and fields, where a Falco rule explains its text; else the same one.

        A completed alert has another id, so this comes before looking for duplicates.
        """
        return self._text_alerts.completed(alert)

    def step(self, state: State, cause: Alert | Timer, now_ns: int) -> Routed:  # noqa: ARG002  # for clauses with memory
        """What follows from an alert, as ``complete`` returned it, or from a timer. ``state`` is not modified.

        ``now_ns`` is the time for schedules and timers, in nanoseconds since the epoch.
        """
        if isinstance(cause, Timer):
            return NOTHING
        return decide(self.program, self._matcher.match(cause, now_ns), cause)

    def route(self, state: State, alert: Alert, now_ns: int) -> Entry:
        """What to store for an alert, as ``complete`` returned it: the redacted alert and what follows from it."""
        return Entry(self._redactor.alert(alert), self.step(state, alert, now_ns))

    def redact_raw(self, raw: bytes) -> bytes:
        """A message that is not an alert, without secrets."""
        return self._redactor.raw(raw)
