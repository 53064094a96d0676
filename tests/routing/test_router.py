"""The router: text completion, decisions and redaction of one alert, in that order."""

from __future__ import annotations

from bridge.alert import Alert, Priority
from bridge.alert.forms.text_form import decode_text
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRule, FalcoRules, read_rules
from bridge.routing import Reason, Routed
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from tests.support.builders import alert, program_of

RULES = """
- rule: Shell
  condition: evt.type = execve
  output: shell (user=%user.name command=%proc.cmdline)
  priority: NOTICE
  tags: [shell]
"""
LINE = b"10:31:35.913486795: Notice shell (user=root command=mysql password=hunter2)"


def rules() -> list[FalcoRule]:
    read = read_rules((SourceText("rules.yaml", RULES),))
    assert isinstance(read, FalcoRules), read
    return list(read.rules.values())


def text_alert() -> Alert:
    decoded = decode_text(LINE, 1_767_614_400_000_000_000)
    assert isinstance(decoded, Alert), decoded
    return decoded


def test_a_text_alert_is_completed_decided_and_redacted() -> None:
    """The condition sees the recovered, original field. The stored alert has it redacted, under the completed id."""
    router = Router(
        program_of(
            'redact proc.cmdline matching "password=\\\\S+"\n'
            'route "r" { when rule = Shell and proc.cmdline contains "hunter2" to x }'
        ),
        {},
        rules(),
    )
    completed = router.complete(text_alert())
    entry = router.route(State(), completed, 0)
    assert [(each.route, each.reason) for each in entry.routed.decisions] == [("r", Reason.SENT)]
    assert entry.alert.id == completed.id != text_alert().id
    assert entry.alert.fields["proc.cmdline"] == "mysql ***"
    assert "hunter2" not in entry.alert.output


def test_completing_changes_neither_a_completed_alert_nor_one_without_a_known_rule() -> None:
    """So intake may complete any alert of a source."""
    router = Router(program_of('route "r" { to x }'), {}, rules())
    completed = router.complete(text_alert())
    assert router.complete(completed) is completed
    assert router.complete(alert()) == alert()
    assert Router(router.program, {}).complete(text_alert()) == text_alert()


def test_labels_and_time_are_arguments() -> None:
    """Conditions see the labels, and schedules the time of the step."""
    router = Router(
        program_of(
            'schedule office = mon-fri 09:00-18:00 in "Asia/Seoul"\n'
            'route "day" { during office to x }\nroute "night" { not during office to y }\n'
            'route "site" { when label.site = berlin to z }\n'
        ),
        {"site": "berlin"},
    )
    monday_noon, sunday_noon = 1_767_582_000_000_000_000, 1_767_495_600_000_000_000  # in Seoul
    assert [each.route for each in router.step(State(), alert(), monday_noon).decisions] == ["day", "site"]
    assert [each.route for each in router.step(State(), alert(), sunday_noon).decisions] == ["night", "site"]


def test_a_step_changes_nothing_while_no_clause_remembers() -> None:
    """The same alert gives the same result again, and a timer gives nothing."""
    router = Router(program_of('route "r" { to x }'), {})
    first = router.step(State(), alert(priority=Priority.ERROR), 0)
    assert router.step(State(), alert(priority=Priority.ERROR), 0) == first
    assert router.step(State(), Timer(), 0) == Routed((), ())


def test_a_rejected_message_is_redacted() -> None:
    """All redactions apply to all of it."""
    router = Router(program_of('redact proc.cmdline matching "password=\\\\S+" with "[gone]"\nroute "r" { to x }'), {})
    assert router.redact_raw(b'\xff {"a": "password=hunter2"}') == '\ufffd {"a": "[gone]'.encode()
